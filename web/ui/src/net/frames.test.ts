import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type ClientFrame, decode, decodeEvent, encode, type ServerFrame, Unreadable } from "./frames.ts";

// The golden files are the Go tests', too: web/frames/frames_test.go writes them.
const testdata = new URL("../../../frames/testdata/", import.meta.url);

function golden(dir: "client" | "server"): Map<string, string> {
  const files = readdirSync(new URL(`${dir}/`, testdata)).sort();
  return new Map(
    files.map((f) => [
      f.replace(".json", ""),
      readFileSync(new URL(`${dir}/${f}`, testdata), "utf8").trimEnd(),
    ]),
  );
}

const room = "aaaaaaaaaaaaaaaaaaaa";
const epoch = "eeeeeeeeeeeeeeeeeeee";
const at = "2026-11-24T06:00:00.123Z";
const ada = { id: "uuuuuuuuuuuuuuuuuuu2", name: "ada" };
const bob = { id: "uuuuuuuuuuuuuuuuuuu3", name: "Bob", guest: true } as const;
const happened = { id: epoch, at, actor: ada };

const server: Record<string, ServerFrame> = {
  welcome: { type: "welcome", user: ada, node: "n1", ping_ms: 25000, max_body: 8192 },
  welcome_guest: { type: "welcome", user: bob, node: "n1", ping_ms: 25000, max_body: 8192 },
  subscribed: { type: "subscribed", id: "1", room, epoch, head: 44 },
  caught_up: { type: "caught_up", room, seq: 44 },
  unsubscribed: { type: "unsubscribed", id: "2", room },
  ack: { type: "ack", id: "3", room, seq: 45, at },
  ack_duplicate: { type: "ack", id: "3", room, seq: 45, at, duplicate: true },
  pong: { type: "pong", id: "7" },
  error: { type: "error", id: "3", code: "rate_limited", message: "slow down", retry_after_ms: 700 },
  error_no_id: { type: "error", code: "invalid", message: "the frame is not valid JSON" },
  error_ended: {
    type: "error",
    id: "1",
    room,
    code: "not_found",
    message: "no such room, or it is private and you are not a member",
  },
  reset: { type: "reset", id: "1", room, epoch, head: 12 },
  heartbeat: { type: "heartbeat", heads: { [room]: 45, bbbbbbbbbbbbbbbbbbbb: 0 } },
  heartbeat_none: { type: "heartbeat", heads: {} },
  goodbye: { type: "goodbye", code: "restart", retry_after_ms: 830 },
  event_room_created: {
    type: "event",
    room,
    seq: 1,
    event: { ...happened, key: "k1", kind: "room.created", name: "lounge", visibility: "public" },
  },
  event_member_joined: {
    type: "event",
    room,
    seq: 2,
    event: { ...happened, key: "k2", kind: "member.joined", user: bob, role: "member" },
  },
  event_member_left: {
    type: "event",
    room,
    seq: 3,
    event: { ...happened, key: "k3", kind: "member.left", user: bob },
  },
  event_message_posted: {
    type: "event",
    room,
    seq: 42,
    event: { ...happened, key: "K", kind: "message.posted", body: 'hi "<ada>" 👋\nsecond line' },
  },
  event_lost: { type: "event", room, seq: 43, event: { ...happened, kind: "event.lost" } },
  event_room_reset: { type: "event", room, seq: 44, event: { ...happened, kind: "room.reset" } },
};

// The fields in another order than on the wire: encode puts them right.
const client: Record<string, ClientFrame> = {
  subscribe: { after: 41, room, id: "1", type: "subscribe" },
  subscribe_epoch: { epoch, after: 41, room, id: "1", type: "subscribe" },
  subscribe_live: { room, id: "1", type: "subscribe" },
  subscribe_start: { after: 0, room, id: "1", type: "subscribe" },
  unsubscribe: { room, id: "2", type: "unsubscribe" },
  send: { body: "hi", key: "K", room, id: "3", type: "send" },
  ping: { id: "7", type: "ping" },
  send_no_key: { body: "hi", room, id: "3", type: "send" },
};

describe("every golden frame of the server decodes to what it says", () => {
  test.each([...golden("server")])("%s", (name, text) => {
    expect(server).toHaveProperty(name); // a new golden file needs its line above
    expect(decode(text)).toStrictEqual(server[name]);
  });
  test("none is missing", () => {
    expect([...golden("server").keys()]).toStrictEqual(Object.keys(server).sort());
  });
});

describe("every frame of a client is written as in its golden file, byte for byte", () => {
  test.each([...golden("client")])("%s", (name, text) => {
    const frame = client[name];
    expect(frame && encode(frame)).toBe(text);
  });
  test("none is missing", () => {
    expect([...golden("client").keys()]).toStrictEqual(Object.keys(client).sort());
  });
});

describe("what a newer server may send is tolerated", () => {
  test("a type", () => {
    expect(decode('{"type":"typing","room":"R"}')).toStrictEqual({ type: "unknown", name: "typing" });
  });
  test("a field", () => {
    expect(decode('{"type":"caught_up","room":"R","seq":1,"lag":2}')).toStrictEqual({
      type: "caught_up",
      room: "R",
      seq: 1,
    });
  });
  test.each(["reaction.added", "message.posted"])("a kind, or a known one without its fields: %s", (kind) => {
    const text = JSON.stringify({ type: "event", room, seq: 7, event: { ...happened, kind } });
    expect(decode(text)).toStrictEqual({
      type: "event",
      room,
      seq: 7,
      event: { ...happened, kind: "unknown", name: kind },
    });
  });
});

test.each([
  ["no JSON", "hello"],
  ["an array", "[]"],
  ["null", "null"],
  ["no type", "{}"],
  ["no seq", '{"type":"caught_up","room":"R"}'],
  ["half a seq", '{"type":"caught_up","room":"R","seq":1.5}'],
  ["a seq beyond 2^53", '{"type":"caught_up","room":"R","seq":9007199254740992}'],
  ["a negative head", '{"type":"heartbeat","heads":{"R":-1}}'],
  ["heads in a list", '{"type":"heartbeat","heads":[]}'],
  ["no event", '{"type":"event","room":"R","seq":1}'],
  ["no user", '{"type":"welcome","node":"n","ping_ms":1,"max_body":1}'],
])("a frame that is not of the contract is unreadable: %s", (_, text) => {
  expect(() => decode(text)).toThrow(Unreadable);
});

test("an event of a page of history decodes as in a frame; seq and room are its page's", () => {
  const event = { ...happened, key: "K", kind: "message.posted", body: "hi" } as const;
  expect(decodeEvent({ ...event, seq: 7, room })).toStrictEqual(event);
  expect(() => decodeEvent(null)).toThrow(Unreadable);
});

test("a binary frame is unreadable", () => {
  expect(() => decode(new ArrayBuffer(2))).toThrow(Unreadable);
});
