import { afterEach, beforeEach, vi } from "vitest";
import { FakeBrowser, type FakeTab } from "./browser.ts";
import { ScriptedNetwork } from "./server.ts";

export let net: ScriptedNetwork;
export let browser: FakeBrowser;

/** A new browser and network for each test of the file, under a clock of its own. */
export function staged(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    net = new ScriptedNetwork();
    browser = new FakeBrowser(net.open);
  });
  afterEach(() => {
    for (const tab of browser.tabs) tab.kill();
    vi.useRealTimers();
  });
}

export const pass = (ms = 300) => vi.advanceTimersByTimeAsync(ms);

/** A tab that leads, welcomed. */
export async function leader(): Promise<FakeTab> {
  const tab = browser.tab();
  await pass();
  net.welcomed();
  await pass();
  return tab;
}

/** A leader that follows a room and is caught up. */
export async function following(head: number, room = "R"): Promise<FakeTab> {
  const tab = await leader();
  tab.live.follow(room, head);
  await pass();
  net.serves(head, room);
  await pass();
  return tab;
}

export async function kept(tab: FakeTab, room = "R"): Promise<number[]> {
  const events = tab.live.kept(room);
  await pass(1000);
  return (await events).map((e) => e.seq);
}

export const seqs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
