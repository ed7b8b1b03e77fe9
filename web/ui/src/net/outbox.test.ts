import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Outbox } from "./outbox.ts";
import { Socket } from "./socket.ts";
import { MemoryStore, type Message } from "./store.ts";
import { FakeNetwork } from "./testing/fakesocket.ts";

let net: FakeNetwork;
let store: MemoryStore;
let sent: string[];
let failures: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  net = new FakeNetwork();
  store = new MemoryStore();
  sent = [];
  failures = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const settled = () => vi.advanceTimersByTimeAsync(0);

// A page that was loaded, welcomed or not.
async function page(): Promise<Outbox> {
  const line = new Socket({ url: "ws://host/ws", environment: net.environment });
  line.start();
  return Outbox.open({
    line,
    store,
    sent: (m) => sent.push(m.body),
    storeFailed: (err) => failures.push(err),
  });
}

const bodies = () => net.socket.sent.filter((f) => f.type === "send").map((f) => f.body);
const keys = () => net.socket.sent.filter((f) => f.type === "send").map((f) => f.key);

async function acks(seq = 1): Promise<void> {
  net.socket.says({ type: "ack", id: net.socket.last("send")?.id, room: "R", seq, at: "" });
  await settled();
}

async function refuses(code: string, retry_after_ms?: number): Promise<void> {
  net.socket.says({
    type: "error",
    id: net.socket.last("send")?.id,
    code,
    message: "why",
    retry_after_ms,
  });
  await settled();
}

test("a message shows at once, is kept before it is sent, and gone when it was acked", async () => {
  const outbox = await page();
  net.welcomed();
  const message = outbox.add("R", "hi");
  expect(outbox.messages).toStrictEqual([message]);
  expect(bodies()).toStrictEqual([]);
  await settled();
  expect(await store.load()).toStrictEqual([message]);
  expect(bodies()).toStrictEqual(["hi"]);
  await acks();
  expect(outbox.messages).toStrictEqual([]);
  expect(await store.load()).toStrictEqual([]);
  expect(sent).toStrictEqual(["hi"]);
});

test("a room has one message in flight, so that their order holds; rooms do not wait for each other", async () => {
  const outbox = await page();
  net.welcomed();
  outbox.add("R", "1");
  outbox.add("R", "2");
  outbox.add("S", "3");
  await settled();
  expect(bodies()).toStrictEqual(["1", "3"]);
  net.socket.says({ type: "ack", id: net.socket.sent[0]?.id, room: "R", seq: 1, at: "" });
  expect(bodies()).toStrictEqual(["1", "3", "2"]);
});

test("what was not acked is sent again with its key after a reconnect", async () => {
  const outbox = await page();
  net.welcomed();
  const { key } = outbox.add("R", "1");
  outbox.add("R", "2");
  await settled();
  net.socket.ends(1006);
  await vi.advanceTimersByTimeAsync(250);
  net.welcomed();
  expect(keys()).toStrictEqual([key]);
  await acks();
  expect(bodies()).toStrictEqual(["1", "2"]);
});

test("what was not acked is sent again with its key, in order, after a reload", async () => {
  const before = await page();
  const messages = [before.add("R", "1"), before.add("R", "2")];
  await settled();
  before.close();
  vi.setSystemTime(Date.now() - 3_600_000); // the clock was put right meanwhile
  const after = await page();
  messages.push(after.add("R", "3"));
  net.welcomed();
  for (const seq of [1, 2, 3]) await acks(seq);
  expect(keys()).toStrictEqual(messages.map((m) => m.key));
});

test("what a lost connection still brings says nothing", async () => {
  const outbox = await page();
  const first = net.welcomed();
  outbox.add("R", "1");
  await settled();
  await vi.advanceTimersByTimeAsync(2000); // two heartbeats of silence
  expect(first.closed).toBe(true);
  first.says({ type: "ack", id: first.last("send")?.id, room: "R", seq: 1, at: "" });
  expect(outbox.messages).toHaveLength(1);
});

describe("a message that the server will not take", () => {
  test.each(["conflict", "forbidden", "too_large", "invalid", "not_found"])(
    "has failed: %s",
    async (code) => {
      const outbox = await page();
      net.welcomed();
      const message = outbox.add("R", "1");
      outbox.add("R", "2");
      await settled();
      await refuses(code);
      const failed = { ...message, failed: { code, message: "why" } };
      expect(outbox.messages[0]).toStrictEqual(failed);
      expect((await store.load())[0]).toStrictEqual(failed);
      expect(bodies()).toStrictEqual(["1", "2"]); // it does not hold the next one up
    },
  );

  test.each([
    ["forbidden", true],
    ["conflict", false],
  ])("can be tried again: %s, with the same key %s", async (code, same) => {
    const outbox = await page();
    net.welcomed();
    const { key } = outbox.add("R", "1");
    await settled();
    await refuses(code);
    expect(outbox.retry(key)).toBe(true);
    await settled();
    expect(bodies()).toStrictEqual(["1", "1"]);
    expect(keys()[1] === key).toBe(same);
    expect(await store.load()).toStrictEqual(outbox.messages);
    expect(outbox.retry(key)).toBe(false); // it waits now
  });

  test("can be discarded, one that waits can not", async () => {
    const outbox = await page();
    net.welcomed();
    const { key } = outbox.add("R", "1");
    await settled();
    expect(outbox.discard(key)).toBe(false);
    await refuses("forbidden");
    expect(outbox.discard(key)).toBe(true);
    await settled();
    expect(await store.load()).toStrictEqual([]);
  });

  test("is not even sent when it is larger than the server's limit", async () => {
    const outbox = await page();
    net.welcomed();
    outbox.add("R", "é".repeat(51)); // 102 bytes
    outbox.add("R", "é".repeat(50));
    await settled();
    expect(outbox.messages[0]?.failed?.code).toBe("too_large");
    expect(bodies()).toStrictEqual(["é".repeat(50)]);
  });
});

test.each(["unavailable", "rate_limited", "internal"])(
  "%s: again, after the server's time, and in order",
  async (code) => {
    const outbox = await page();
    net.welcomed();
    outbox.add("R", "1");
    outbox.add("R", "2");
    await settled();
    await refuses(code, 700);
    await vi.advanceTimersByTimeAsync(699);
    expect(bodies()).toStrictEqual(["1"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(bodies()).toStrictEqual(["1", "1"]);
    expect(keys()[0]).toBe(keys()[1]);
  },
);

test("the session ended: the message waits for another connection", async () => {
  const outbox = await page();
  net.welcomed();
  outbox.add("R", "1");
  await settled();
  await refuses("unauthenticated");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(bodies()).toStrictEqual(["1"]);
  expect(outbox.messages[0]?.failed).toBeUndefined();
});

test("a store that keeps nothing is reported, and does not stop the messages", async () => {
  store.put = () => Promise.reject(new Error("full"));
  store.load = (): Promise<Message[]> => Promise.reject(new Error("private"));
  const outbox = await page();
  net.welcomed();
  outbox.add("R", "1");
  await settled();
  expect(bodies()).toStrictEqual(["1"]);
  expect(failures).toStrictEqual([new Error("private"), new Error("full")]);
});

test("a message of another tab is taken once, in its place", async () => {
  const outbox = await page();
  const now = Date.now();
  const of = (key: string, position: number): Message => ({
    key,
    room: "R",
    body: key,
    position,
    written: now,
  });
  outbox.adopt(of("b", now * 1000 + 2));
  outbox.adopt(of("a", now * 1000 + 1));
  outbox.adopt(of("b", now * 1000 + 2));
  const { position } = outbox.add("R", "c");
  expect(position).toBe(now * 1000 + 3);
  net.welcomed();
  await settled();
  for (const seq of [1, 2, 3]) await acks(seq);
  expect(bodies()).toStrictEqual(["a", "b", "c"]);
});
