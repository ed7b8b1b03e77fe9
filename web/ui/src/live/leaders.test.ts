import { IDBObjectStore } from "fake-indexeddb";
import { describe, expect, test, vi } from "vitest";
import type { FakeTab } from "./testing/browser.ts";
import { event } from "./testing/server.ts";
import { browser, following, kept, net, pass, staged } from "./testing/stage.ts";

staged();

/** The first leads and hangs with something to write; the second took the lock from it. */
async function twoLeaders(): Promise<{ old: FakeTab; now: FakeTab }> {
  const old = await following(3);
  const now = browser.tab();
  now.live.follow("R", 3);
  await pass();
  net.events(4, 4);
  await pass(25); // told, and about to be written
  old.hang();
  now.sign("wake");
  await pass(10_500);
  net.welcomed();
  await pass();
  net.serves(4);
  await pass();
  expect(now.state.leader).toBe(true);
  return { old, now };
}

describe("a leader that lost the lock while it hung", () => {
  test("writes nothing of a room that one may not read any more", async () => {
    const { old, now } = await twoLeaders();
    const refused = () => {
      net.socket.says({ type: "error", id: net.asked()?.id, code: "not_found", message: "no such room" });
    };
    refused();
    await pass();
    old.thaw();
    await pass();
    refused(); // it asked for the room again
    await pass(1000);
    expect(await kept(now)).toStrictEqual([]);
    for (const tab of browser.tabs) tab.kill();
    const next = browser.tab();
    await pass();
    expect(next.state.rooms).toStrictEqual({});
  });

  test("writes nothing after a sign-out", async () => {
    const { old, now } = await twoLeaders();
    const erased = now.live.erase();
    await pass();
    await erased;
    old.thaw();
    await pass(1000);
    for (const tab of browser.tabs) tab.kill();
    const next = browser.tab();
    await pass();
    expect(next.state.rooms).toStrictEqual({});
    expect(await kept(next)).toStrictEqual([]);
  });

  test("is not believed any more", async () => {
    const { old, now } = await twoLeaders();
    const third = browser.tab();
    await pass();
    const calls = third.states.length;
    net.sockets[0]?.says(event(5)); // its own connection brings something as it wakes
    third.live.ping();
    third.live.follow("S", 0);
    await pass();
    old.thaw();
    await pass(0);
    net.events(5, 6);
    await pass(1000);
    expect(third.seqs("R")).toStrictEqual([5, 6]);
    expect(third.state).toStrictEqual({ ...now.state, leader: false });
    expect(old.state).toStrictEqual({ ...now.state, leader: false });
    expect(third.states.slice(calls).map((s) => s.rooms.S === undefined)).not.toContain(true);
  });
});

test("a leader that writes as somebody signs out in another tab leaves nothing", async () => {
  const first = await following(3);
  const second = browser.tab();
  await pass();
  net.events(4, 4);
  await pass(25);
  first.hang(); // busy: its writing is due before it hears of the sign-out
  await pass(500);
  const erased = second.live.erase();
  await pass(500);
  await erased;
  first.thaw();
  await pass(500);
  expect(first.state.ended).toBe("session ended");
  for (const tab of browser.tabs) tab.kill();
  const next = browser.tab();
  await pass();
  expect(next.state.rooms).toStrictEqual({});
});

test("a clear that failed is done with the next writing", async () => {
  const tab = await following(3);
  const broken = vi.spyOn(IDBObjectStore.prototype, "delete").mockImplementation(() => {
    throw new DOMException("broken", "UnknownError");
  });
  net.socket.says({ type: "error", id: net.asked()?.id, code: "not_found", message: "no such room" });
  await pass();
  broken.mockRestore();
  tab.live.follow("S", 0);
  await pass();
  tab.kill();
  const next = browser.tab();
  await pass();
  expect(Object.keys(next.state.rooms)).toStrictEqual(["S"]);
});

test("a leader is believed after the clock was set back", async () => {
  const first = await following(3);
  const [second, third] = [browser.tab(), browser.tab()];
  await pass();
  vi.setSystemTime(Date.now() - 3_600_000);
  first.live.close();
  await pass();
  second.live.follow("R", 3);
  net.welcomed();
  await pass();
  net.serves(5);
  await pass();
  expect(third.seqs("R")).toStrictEqual([4, 5]);
});

test("what a page asks on its way out is asked again when it comes back", async () => {
  const first = await following(3);
  const second = browser.tab();
  await pass();
  net.events(4, 4);
  await pass();
  second.sign("leave");
  second.live.read("R", 4);
  await pass();
  second.sign("return");
  await pass();
  expect(first.state.rooms.R?.unread).toBe(0);
});
