import { beforeEach, afterEach, expect, test, vi } from "vitest";
import { Socket } from "./socket.ts";
import { FakeNetwork } from "./testing/fakesocket.ts";
import type { Violation } from "./subscription.ts";

let net: FakeNetwork;
let violations: Violation[];

beforeEach(() => {
  vi.useFakeTimers();
  net = new FakeNetwork();
  violations = [];
});
afterEach(() => {
  vi.useRealTimers();
});

function started(): Socket {
  const socket = new Socket({
    url: "ws://host/ws",
    violated: (v) => violations.push(v),
    environment: net.environment,
  });
  socket.start();
  return socket;
}

// A follower that writes down what it is told.
function following(socket: Socket, from: Parameters<Socket["subscribe"]>[1]) {
  const told: unknown[] = [];
  const subscription = socket.subscribe("R", from, {
    event: (_, seq) => told.push(seq),
    subscribed: (head) => told.push(["subscribed", head]),
    caughtUp: (seq) => told.push(["caught up", seq]),
    reset: ({ head }) => {
      told.push(["reset", head]);
      return undefined;
    },
    ended: ({ code }) => told.push(["ended", code]),
  });
  return { told, subscription };
}

const event = (seq: number) => ({
  type: "event",
  room: "R",
  seq,
  event: { kind: "event.lost", id: "e", at: "", actor: { id: "", name: "" } },
});
const subscribed = (head: number, epoch = "E") => ({
  type: "subscribed",
  id: net.socket.last("subscribe")?.id,
  room: "R",
  epoch,
  head,
});
const caughtUp = (seq: number) => ({ type: "caught_up", room: "R", seq });
const heartbeat = (head: number) => ({ type: "heartbeat", heads: { R: head } });

test("resumes after the last seq, in its epoch", () => {
  const socket = started();
  const { told, subscription } = following(socket, { after: 3 });
  net.welcomed().says(subscribed(5));
  [event(4), event(5), caughtUp(5), event(6)].forEach((f) => {
    net.socket.says(f);
  });
  expect(subscription.state).toBe("live");
  net.socket.ends(1006);
  expect(subscription.state).toBe("waiting");
  vi.advanceTimersByTime(250);
  net.welcomed();
  expect(net.socket.last("subscribe")).toMatchObject({ room: "R", after: 6, epoch: "E" });
  expect(told).toStrictEqual([["subscribed", 5], 4, 5, ["caught up", 5], 6]);
  expect(subscription.cursor).toStrictEqual({ after: 6, epoch: "E" });
});

test("that is live begins at the head, and resumes from there", () => {
  const socket = started();
  const { told, subscription } = following(socket, "live");
  expect(subscription.cursor).toBeUndefined();
  net.welcomed();
  expect(net.socket.last("subscribe")).not.toHaveProperty("after");
  net.socket.says(subscribed(9));
  net.socket.ends(1006);
  vi.advanceTimersByTime(250);
  net.welcomed();
  expect(net.socket.last("subscribe")).toMatchObject({ after: 9, epoch: "E" });
  expect(told).toStrictEqual([
    ["subscribed", 9],
    ["caught up", 9],
  ]);
});

test.each([
  ["a gap", event(3), 3],
  ["a repeat", event(1), 1],
  ["an end that did not come", caughtUp(2), 2],
])("reports %s, and heals it by a resume", (_, frame, got) => {
  const socket = started();
  const { told } = following(socket, { after: 0 });
  net.welcomed().says(subscribed(3));
  net.socket.says(event(1));
  net.socket.says(frame);
  net.socket.says(event(2)); // of the subscription that was given up
  expect(violations).toStrictEqual([{ room: "R", want: 2, got }]);
  vi.advanceTimersByTime(500);
  expect(net.socket.last("subscribe")).toMatchObject({ after: 1 });
  net.socket.says(subscribed(3));
  net.socket.says(event(2));
  expect(told).toStrictEqual([["subscribed", 3], 1, ["subscribed", 3], 2]);
});

test("resumes when a promised head is not there a heartbeat later", () => {
  const socket = started();
  following(socket, { after: 0 });
  net.welcomed().says(subscribed(1));
  net.socket.says(event(1));
  net.socket.says(heartbeat(2)); // may be on its way
  expect(net.socket.sent).toHaveLength(1);
  net.socket.says(event(2));
  net.socket.says(heartbeat(3));
  expect(net.socket.sent).toHaveLength(1);
  net.socket.says(heartbeat(3));
  expect(net.socket.last("subscribe")).toMatchObject({ after: 2 });
  expect(net.socket.sent).toHaveLength(2);
});

test("tells of a reset, and begins again from 0", () => {
  const socket = started();
  const { told, subscription } = following(socket, { after: 40, epoch: "E" });
  net.welcomed();
  const id = net.socket.last("subscribe")?.id;
  net.socket.says({ type: "reset", id, room: "R", epoch: "F", head: 12 });
  expect(net.socket.last("subscribe")).toMatchObject({ after: 0, epoch: "F" });
  net.socket.says(subscribed(12, "F"));
  net.socket.says(event(1));
  expect(told).toStrictEqual([["reset", 12], ["subscribed", 12], 1]);
  expect(subscription.head).toBe(12);
});

test("is asked for again when the server could not at the moment", () => {
  const socket = started();
  following(socket, { after: 0 });
  net.welcomed();
  const { id } = net.socket.last("subscribe") ?? {};
  net.socket.says({ type: "error", id, room: "R", code: "unavailable", message: "", retry_after_ms: 700 });
  vi.advanceTimersByTime(699);
  expect(net.socket.sent).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(net.socket.sent).toHaveLength(2);
});

test("ends when the room may not be read, and is not asked for again", () => {
  const socket = started();
  const { told, subscription } = following(socket, { after: 0 });
  net.welcomed();
  const { id } = net.socket.last("subscribe") ?? {};
  net.socket.says({ type: "error", id, room: "R", code: "not_found", message: "no such room" });
  expect(told).toStrictEqual([["ended", "not_found"]]);
  expect(subscription.state).toBe("ended");
  net.socket.ends(1006);
  vi.advanceTimersByTime(250);
  expect(net.welcomed().sent).toStrictEqual([]);
});

test("tells nothing after it was closed, and the room can be followed anew", () => {
  const socket = started();
  const { told, subscription } = following(socket, { after: 0 });
  net.welcomed().says(subscribed(1));
  subscription.close();
  expect(net.socket.last("unsubscribe")).toMatchObject({ room: "R" });
  const anew = following(socket, { after: 0 });
  net.socket.says(event(1)); // still of the old one
  expect(told).toStrictEqual([["subscribed", 1]]);
  expect(anew.told).toStrictEqual([]);
});
