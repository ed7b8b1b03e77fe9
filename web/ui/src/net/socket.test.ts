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
