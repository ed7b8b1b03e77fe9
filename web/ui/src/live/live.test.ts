import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeNetwork } from "../net/testing/fakesocket.ts";
import { FakeBrowser } from "./testing/browser.ts";

let net: FakeNetwork;
let browser: FakeBrowser;

beforeEach(() => {
  vi.useFakeTimers();
  net = new FakeNetwork();
  browser = new FakeBrowser((url, protocols) => {
    const open = net.environment.openWebSocket;
    if (!open) throw new Error("no network");
    return open(url, protocols);
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms = 300) => vi.advanceTimersByTimeAsync(ms);

const event = (seq: number, { actor = "u2", key = `k${seq}`, room = "R" } = {}) => ({
  type: "event",
  room,
  seq,
  event: {
    kind: "message.posted",
    id: `i${seq}`,
    at: "2026-11-24T06:00:00.123Z",
    actor: { id: actor, name: actor },
    key,
    body: `body ${seq}`,
  },
});
const subscribed = (head: number, room = "R", epoch = "E") => ({
  type: "subscribed",
  id: net.socket.sent.findLast((f) => f.type === "subscribe" && f.room === room)?.id,
  room,
  epoch,
  head,
});

test("one tab follows a room and hands its events on, a frame at a time", async () => {
  const tab = browser.tab();
  tab.live.follow("R", 60);
  await pass();
  net.welcomed();
  expect(net.socket.last("subscribe")).toMatchObject({ room: "R", after: 10 });
  net.socket.says(subscribed(60));
  for (let seq = 11; seq <= 60; seq++) net.socket.says(event(seq));
  net.socket.says({ type: "caught_up", room: "R", seq: 60 });
  await pass();
  expect(tab.seqs("R")).toHaveLength(50);
  expect(tab.calls.filter((c) => c.startsWith("events"))).toHaveLength(1);
  expect(tab.state).toMatchObject({ status: "open", leader: true, node: "n1", maxBody: 100, unkept: false });
  expect(tab.state.rooms.R).toMatchObject({
    cursor: 60,
    head: 60,
    epoch: "E",
    caughtUp: true,
    read: 60,
    unread: 0,
  });
  const kept = tab.live.kept("R");
  await pass();
  expect(await kept).toStrictEqual(tab.seen.get("R"));
});
