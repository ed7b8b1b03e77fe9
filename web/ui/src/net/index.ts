// The TypeScript client of Confab: what a program may use of it.
export { type Answer } from "./connection.ts";
export { type Environment, type Timer, type WebSocketLike, browser, guarded } from "./environment.ts";
export {
  type Ack,
  type ClientFrame,
  type Code,
  type ErrorFrame,
  type Pong,
  type Reset,
  type RoomEvent,
  type ServerFrame,
  type Subscribed,
  type User,
  type Welcome,
  Unreadable,
  decode,
  decodeEvent,
  encode,
} from "./frames.ts";
export { IndexedDBStore } from "./idb.ts";
export { newKeys } from "./key.ts";
export { Outbox, nextPosition } from "./outbox.ts";
export {
  type Ended,
  type Line,
  type OutboxOptions,
  type SocketOptions,
  type SocketState,
} from "./options.ts";
export { Socket } from "./socket.ts";
export { MemoryStore, type Message, type Store, isMessage } from "./store.ts";
export { type Cursor, type Follower, type Refusal, Subscription, type Violation } from "./subscription.ts";
