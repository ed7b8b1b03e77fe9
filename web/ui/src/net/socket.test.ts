import { beforeEach, afterEach, expect, test, vi } from "vitest";
import type { SocketOptions } from "./options.ts";
import { Socket } from "./socket.ts";
import { FakeNetwork } from "./testing/fakesocket.ts";

let net: FakeNetwork;

beforeEach(() => {
  vi.useFakeTimers();
  net = new FakeNetwork();
});
afterEach(() => {
  vi.useRealTimers();
});

function started(options: Partial<SocketOptions> = {}): Socket {
  const socket = new Socket({
    url: "ws://host/ws",
    environment: net.environment,
    ...options,
  });
  socket.start();
  return socket;
}

const heartbeat = (head: number) => ({ type: "heartbeat", heads: { R: head } });

test("a connection offers the token as a subprotocol", () => {
  started({ token: "T" });
  expect(net.socket.protocols).toStrictEqual(["confab.v1", "confab.bearer.T"]);
});

test.each([1001, 1006, 1012, 4008])("comes back after %i, with jitter under a bound that doubles", (code) => {
  const socket = started();
  for (const wait of [250, 500, 1000]) {
    net.welcomed().ends(code);
    expect(socket.state).toStrictEqual({ status: "waiting", until: Date.now() + wait });
    const opened = net.sockets.length;
    vi.advanceTimersByTime(wait - 1);
    expect(net.sockets).toHaveLength(opened);
    vi.advanceTimersByTime(1);
    expect(net.sockets).toHaveLength(opened + 1);
  }
});

test("waits as at first again after it has held for a while", () => {
  const socket = started();
  net.welcomed().ends(1006);
  vi.advanceTimersByTime(250);
  net.welcomed();
  for (let i = 0; i < 11; i++) {
    vi.advanceTimersByTime(1000);
    net.socket.says(heartbeat(0));
  }
  net.socket.ends(1006);
  expect(socket.state).toStrictEqual({ status: "waiting", until: Date.now() + 250 });
});

test("does not come back before the goodbye's time, not even when it is woken", () => {
  const socket = started();
  net.welcomed().says({ type: "goodbye", code: "restart", retry_after_ms: 9000 });
  net.socket.ends(1012);
  socket.wake();
  vi.advanceTimersByTime(8999);
  expect(net.sockets).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(net.sockets).toHaveLength(2);
});

test("a clock that is set back makes no wait longer than the goodbye's", () => {
  const socket = started();
  net.welcomed().says({ type: "goodbye", code: "restart", retry_after_ms: 9000 });
  net.socket.ends(1012);
  vi.setSystemTime(Date.now() - 3_600_000);
  socket.wake();
  vi.advanceTimersByTime(9000);
  expect(net.sockets).toHaveLength(2);
  net.welcomed().ends(1006);
  vi.advanceTimersByTime(500);
  expect(net.sockets).toHaveLength(3);
});

test.each([
  [4001, "session ended"],
  [4003, "forbidden"],
  [4009, "protocol violated"],
])("does not come back after %i", (code, why) => {
  const socket = started();
  net.welcomed().ends(code);
  socket.wake();
  vi.advanceTimersByTime(600_000);
  expect(socket.state).toStrictEqual({ status: "ended", why });
  expect(net.sockets).toHaveLength(1);
});

test("is dropped when no frame came for two heartbeats, and not before", () => {
  const socket = started();
  net.welcomed();
  vi.advanceTimersByTime(1500);
  net.socket.says(heartbeat(0));
  vi.advanceTimersByTime(1999);
  expect(socket.state.status).toBe("open");
  vi.advanceTimersByTime(1);
  expect(socket.state.status).toBe("waiting");
  expect(net.socket.closed).toBe(true);
});

test("is dropped when it is not welcomed in time", () => {
  const socket = started();
  vi.advanceTimersByTime(15_000);
  expect(socket.state.status).toBe("waiting");
});

test("tries again when the handshake failed, also where no close follows", () => {
  const socket = started();
  net.socket.fails();
  expect(socket.state.status).toBe("waiting");
  net.socket.ends(1006);
  expect(socket.state).toStrictEqual({ status: "waiting", until: Date.now() + 250 });
});

test("after sleep, when timers stood still, is looked at when it is woken", () => {
  const socket = started();
  net.welcomed();
  vi.setSystemTime(Date.now() + 3_600_000);
  socket.wake();
  expect(socket.state.status).toBe("waiting");
});

test("cuts the wait short when it is woken", () => {
  const socket = started();
  for (let i = 0; i < 8; i++) {
    net.socket.ends(1006);
    if (i < 7) vi.runOnlyPendingTimers();
  }
  expect(socket.state).toStrictEqual({ status: "waiting", until: Date.now() + 15_000 });
  socket.wake();
  expect(socket.state).toStrictEqual({ status: "waiting", until: Date.now() + 500 });
});

test("ends when the handshake failed for want of a session", async () => {
  const socket = started({ sessionEnded: () => Promise.resolve(true) });
  net.socket.ends(1006);
  await vi.advanceTimersByTimeAsync(0);
  expect(socket.state).toStrictEqual({ status: "ended", why: "session ended" });
});

test("goes on trying when it cannot be told whether the session ended", async () => {
  started({ sessionEnded: () => Promise.reject(new Error("offline")) });
  net.socket.ends(1006);
  await vi.advanceTimersByTimeAsync(500);
  expect(net.sockets).toHaveLength(2);
});

test("ends when somebody else is welcomed, and sends nothing", () => {
  const socket = started({ user: "u1" });
  socket.subscribe("R", { after: 0 }, { event: () => undefined });
  net.welcomed("u2");
  expect(socket.state).toStrictEqual({ status: "ended", why: "other user" });
  expect(net.socket.sent).toStrictEqual([]);
});

test("is given up when a frame is unreadable", () => {
  const socket = started();
  net.welcomed().says("{");
  expect(socket.state.status).toBe("waiting");
});

test.each([
  ["pong", {}],
  ["error", { code: "invalid", message: "an older server" }],
])("measures the round trip: %s", (type, rest) => {
  const socket = started();
  const measured: number[] = [];
  socket.ping((ms) => measured.push(ms)); // no line yet
  net.welcomed();
  socket.ping((ms) => measured.push(ms));
  vi.advanceTimersByTime(70);
  net.socket.says({ type, id: net.socket.last("ping")?.id, ...rest });
  expect(measured).toStrictEqual([70]);
});

test("a line on which nothing comes after waking is dropped, one on which anything comes is not", () => {
  const socket = started();
  net.socket.says({
    type: "welcome",
    user: { id: "u1", name: "u1" },
    node: "n",
    ping_ms: 25_000,
    max_body: 1,
  });
  socket.wake();
  expect(net.socket.last("ping")).toBeDefined();
  vi.advanceTimersByTime(4_999);
  net.socket.says(heartbeat(0));
  vi.advanceTimersByTime(1);
  expect(socket.state.status).toBe("open");
  socket.wake();
  vi.advanceTimersByTime(5_000);
  expect(socket.state.status).toBe("waiting");
});

test("a wait that is over, while timers slept, is ended by waking", () => {
  const socket = started();
  net.socket.ends(1006);
  vi.setSystemTime(Date.now() + 60_000);
  socket.wake();
  expect(net.sockets).toHaveLength(2);
  vi.advanceTimersByTime(10_000);
  expect(net.sockets).toHaveLength(2);
});

test("a callback that throws is reported, and breaks nothing", () => {
  const reported: unknown[] = [];
  const throws = () => {
    throw new Error("the app's");
  };
  const socket = started({
    state: throws,
    violated: throws,
    environment: { ...net.environment, report: (err) => reported.push(err) },
  });
  const subscription = socket.subscribe(
    "R",
    { after: 0 },
    { event: throws, subscribed: throws, caughtUp: throws },
  );
  socket.onOpen(throws);
  net.welcomed();
  net.socket.says({
    type: "subscribed",
    id: net.socket.last("subscribe")?.id,
    room: "R",
    epoch: "E",
    head: 1,
  });
  const event = { kind: "event.lost", id: "i", at: "", actor: { id: "u2", name: "u2" } };
  net.socket.says({ type: "event", room: "R", seq: 1, event });
  net.socket.says({ type: "caught_up", room: "R", seq: 1 });
  net.socket.says({ type: "event", room: "R", seq: 9, event });
  socket.ping(throws);
  net.socket.says({ type: "pong", id: net.socket.last("ping")?.id });
  expect(subscription.cursor).toMatchObject({ after: 1 });
  expect(socket.state.status).toBe("open");
  expect(reported).toHaveLength(8);
});
