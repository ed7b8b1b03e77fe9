import { describe, expect, test } from "vitest";
import { browser, following, net, pass, staged } from "./testing/stage.ts";

staged();

const sent = () => net.sockets.flatMap((s) => s.sent).filter((f) => f.type === "send");

/** Databases that open after so long; Infinity: never. */
function opensAfter(ms: number): IDBFactory {
  const { factory } = browser;
  const open = (name: string, version: number) => {
    const late = {} as { -readonly [K in keyof IDBOpenDBRequest]: IDBOpenDBRequest[K] };
    if (ms === Infinity || !factory) return late;
    setTimeout(() => {
      const request = factory.open(name, version);
      request.onupgradeneeded = (e) => {
        late.result = request.result;
        late.onupgradeneeded?.(e);
      };
      request.onsuccess = (e) => {
        late.result = request.result;
        late.onsuccess?.(e);
      };
    }, ms);
    return late;
  };
  return { open } as unknown as IDBFactory;
}

describe("a disk that hangs", () => {
  test("holds up neither the line, nor what is sent, nor the timeline, nor the sign-out", async () => {
    browser.factory = opensAfter(Infinity);
    const tab = browser.tab();
    tab.live.follow("R", 3);
    tab.live.send("R", "hi");
    await pass(4_000);
    net.welcomed();
    await pass();
    net.serves(3);
    await pass();
    expect(sent()).toMatchObject([{ body: "hi" }]);
    const events = tab.live.kept("R");
    const erased = tab.live.erase();
    await pass(6_000);
    expect(await events).toStrictEqual([]);
    await erased;
  });

  test("does not keep the lock of a tab that is closed", async () => {
    browser.factory = opensAfter(Infinity);
    const first = browser.tab();
    const second = browser.tab();
    await pass(100);
    first.live.close();
    await pass(2_000);
    expect(second.state.leader).toBe(true);
  });

  test("and comes back gives what was not sent", async () => {
    const tab = await following(3);
    net.socket.ends(1006);
    tab.live.send("R", "hi");
    await pass(30);
    const [message] = tab.state.outbox;
    tab.kill();
    browser.factory = opensAfter(4_500);
    await leaderAfter(4_000);
    expect(sent()).toStrictEqual([]);
    await pass(1_000);
    expect(sent()).toMatchObject([{ body: "hi", key: message?.key }]);
  });
});

async function leaderAfter(ms: number): Promise<void> {
  browser.tab();
  await pass(ms);
  net.welcomed();
  await pass();
}
