import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Outbox } from "./outbox.ts";
import { Socket } from "./socket.ts";
import { MemoryStore } from "./store.ts";
import { FakeNetwork } from "./testing/fakesocket.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a message whose answer does not come on a line that lives is sent again, with its key", async () => {
  const net = new FakeNetwork();
  const line = new Socket({ url: "ws://host/ws", environment: net.environment });
  line.start();
  net.welcomed();
  const sent: string[] = [];
  const outbox = await Outbox.open({ line, store: new MemoryStore(), sent: (m) => sent.push(m.body) });
  const sends = () => net.socket.sent.filter((f) => f.type === "send");
  const settled = () => vi.advanceTimersByTimeAsync(0);
  const { key } = outbox.add("R", "1");
  outbox.add("R", "2");
  await settled();
  const first = net.socket.last("send")?.id;
  for (let i = 0; i < 20; i++) {
    net.socket.says({ type: "heartbeat", heads: {} });
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(sends().map((f) => f.key)).toStrictEqual([key, key]);
  net.socket.says({ type: "ack", id: first, room: "R", seq: 1, at: "" }); // it was only late
  await settled();
  expect(sends().map((f) => f.body)).toStrictEqual(["1", "1", "2"]);
  const second = sends()[1]?.id;
  net.socket.says({ type: "ack", id: second, room: "R", seq: 1, at: "", duplicate: true });
  await settled();
  expect(sent).toStrictEqual(["1"]);
  expect(sends().map((f) => f.body)).toStrictEqual(["1", "1", "2"]); // the 2 is still in flight
  net.socket.says({ type: "ack", id: net.socket.last("send")?.id, room: "R", seq: 2, at: "" });
  expect(sent).toStrictEqual(["1", "2"]);
});
