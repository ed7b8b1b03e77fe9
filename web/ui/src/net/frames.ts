// The frames of the wire contract, version 1 (web/asyncapi.yaml), with the names that
// they have on the wire. A newer server may send types and kinds that are not here:
// they become "unknown", so that no switch over them has to guess.
import { isObject, optionalNumber, optionalString, number, seq, string, Unreadable } from "./read.ts";

export { Unreadable };

/** What a client sends. `id` is of its choosing; the answer repeats it. */
export type ClientFrame =
  | { type: "subscribe"; id: string; room: string; after?: number | undefined; epoch?: string | undefined }
  | { type: "unsubscribe"; id: string; room: string }
  | { type: "send"; id: string; room: string; key?: string | undefined; body: string }
  | { type: "ping"; id: string };

export interface User {
  id: string;
  name: string;
  guest?: true;
}

interface Happened {
  id: string;
  at: string; // RFC 3339 in UTC, the server's
  actor: User;
  key?: string;
}

/** What happened in a room. `event.lost` only holds the place of something unreadable. */
export type RoomEvent = Happened &
  (
    | { kind: "room.created"; name: string; visibility: "public" | "private" }
    | { kind: "member.joined"; user: User; role: string }
    | { kind: "member.left"; user: User }
    | { kind: "message.posted"; key: string; body: string }
    | { kind: "event.lost" }
    | { kind: "room.reset" }
    | { kind: "unknown"; name: string }
  );

/** Codes of today; a newer server may have others. */
export type Code =
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "rate_limited"
  | "unavailable"
  | "internal"
  | (string & {});

export interface Welcome {
  type: "welcome";
  user: User;
  node: string;
  ping_ms: number;
  max_body: number;
}
export interface Subscribed {
  type: "subscribed";
  id: string;
  room: string;
  epoch: string;
  head: number;
}
export interface Reset {
  type: "reset";
  id: string;
  room: string;
  epoch: string;
  head: number;
}
export interface Ack {
  type: "ack";
  id: string;
  room: string;
  seq: number;
  at: string;
  duplicate?: true;
}
export interface Pong {
  type: "pong";
  id: string;
}
export interface ErrorFrame {
  type: "error";
  id?: string;
  room?: string;
  code: Code;
  message: string;
  retry_after_ms?: number;
}

/** What a server sends. */
export type ServerFrame =
  | Welcome
  | Subscribed
  | { type: "event"; room: string; seq: number; event: RoomEvent }
  | { type: "caught_up"; room: string; seq: number }
  | { type: "unsubscribed"; id: string; room: string }
  | Ack
  | ErrorFrame
  | Pong
  | Reset
  | { type: "heartbeat"; heads: Record<string, number> }
  | { type: "goodbye"; code: string; retry_after_ms: number }
  | { type: "unknown"; name: string };

/** Writes a frame, its fields in the order of the golden files whatever the caller's is. */
export function encode(f: ClientFrame): string {
  const { type, id } = f;
  switch (f.type) {
    case "subscribe":
      return JSON.stringify({ type, id, room: f.room, after: f.after, epoch: f.epoch });
    case "unsubscribe":
      return JSON.stringify({ type, id, room: f.room });
    case "send":
      return JSON.stringify({ type, id, room: f.room, key: f.key, body: f.body });
    case "ping":
      return JSON.stringify({ type, id });
  }
}

/**
 * Reads a frame of the server. Fields that are not known are dropped. It throws
 * Unreadable when something is missing that a client relies on.
 */
export function decode(text: unknown): ServerFrame {
  const f = parse(text);
  const type = string(f, "type");
  switch (type) {
    case "welcome":
      return {
        type,
        user: user(f.user),
        node: string(f, "node"),
        ping_ms: number(f, "ping_ms"),
        max_body: number(f, "max_body"),
      };
    case "subscribed":
    case "reset":
      return {
        type,
        id: string(f, "id"),
        room: string(f, "room"),
        epoch: string(f, "epoch"),
        head: seq(f, "head"),
      };
    case "event":
      return { type, room: string(f, "room"), seq: seq(f, "seq"), event: decodeEvent(f.event) };
    case "caught_up":
      return { type, room: string(f, "room"), seq: seq(f, "seq") };
    case "unsubscribed":
      return { type, id: string(f, "id"), room: string(f, "room") };
    case "ack":
      return {
        type,
        id: string(f, "id"),
        room: string(f, "room"),
        seq: seq(f, "seq"),
        at: string(f, "at"),
        ...(f.duplicate === true && { duplicate: true }),
      };
    case "error":
      return {
        type,
        ...optionalString(f, "id"),
        ...optionalString(f, "room"),
        code: string(f, "code"),
        message: string(f, "message"),
        ...optionalNumber(f, "retry_after_ms"),
      };
    case "pong":
      return { type, id: string(f, "id") };
    case "heartbeat":
      return { type, heads: heads(f.heads) };
    case "goodbye":
      return { type, code: string(f, "code"), retry_after_ms: number(f, "retry_after_ms") };
    default:
      return { type: "unknown", name: type };
  }
}

function parse(text: unknown): Record<string, unknown> {
  if (typeof text !== "string") throw new Unreadable("a frame that is not text");
  let f: unknown;
  try {
    f = JSON.parse(text);
  } catch {
    throw new Unreadable("a frame that is not JSON");
  }
  if (!isObject(f)) throw new Unreadable("a frame that is no object");
  return f;
}

function user(u: unknown): User {
  if (!isObject(u)) throw new Unreadable("no user where one must be");
  return { id: string(u, "id"), name: string(u, "name"), ...(u.guest === true && { guest: true }) };
}

function heads(h: unknown): Record<string, number> {
  if (!isObject(h)) throw new Unreadable("a heartbeat without heads");
  return Object.fromEntries(Object.keys(h).map((room) => [room, seq(h, room)]));
}

/**
 * Reads an event, of a frame or of a page of history. One that is not as its kind says
 * must not hold the room up for ever, so it is unknown, too: an event counts by its seq.
 */
export function decodeEvent(e: unknown): RoomEvent {
  if (!isObject(e)) throw new Unreadable("no event where one must be");
  const kind = string(e, "kind");
  const happened = {
    id: string(e, "id"),
    at: string(e, "at"),
    actor: user(e.actor),
    ...optionalString(e, "key"),
  };
  try {
    return { ...happened, ...ofKind(kind, e) };
  } catch (err) {
    if (!(err instanceof Unreadable)) throw err;
    return { ...happened, kind: "unknown", name: kind };
  }
}

// Distributes over the union, which Omit by itself does not.
type Own<E> = E extends RoomEvent ? Omit<E, Exclude<keyof Happened, "key">> : never;

function ofKind(kind: string, e: Record<string, unknown>): Own<RoomEvent> {
  switch (kind) {
    case "room.created": {
      const visibility = string(e, "visibility");
      if (visibility !== "public" && visibility !== "private") throw new Unreadable("another visibility");
      return { kind, name: string(e, "name"), visibility };
    }
    case "member.joined":
      return { kind, user: user(e.user), role: string(e, "role") };
    case "member.left":
      return { kind, user: user(e.user) };
    case "message.posted":
      return { kind, key: string(e, "key"), body: string(e, "body") };
    case "event.lost":
    case "room.reset":
      return { kind };
    default:
      return { kind: "unknown", name: kind };
  }
}
