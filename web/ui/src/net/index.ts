// The TypeScript client of Confab: what a program may use of it.
export { type Answer } from "./connection.ts";
export { type Environment, type Timer, type WebSocketLike, browser } from "./environment.ts";
export {
  type Ack,
  type ClientFrame,
  type Code,
  type ErrorFrame,
  type Reset,
  type RoomEvent,
  type ServerFrame,
  type Subscribed,
  type User,
  type Welcome,
  Unreadable,
  decode,
  encode,
} from "./frames.ts";
export { IndexedDBStore } from "./idb.ts";
export { newKeys } from "./key.ts";
export { type Line, Outbox, type OutboxOptions } from "./outbox.ts";
export { type Ended, Socket, type SocketOptions, type SocketState } from "./socket.ts";
export { MemoryStore, type Message, type Store } from "./store.ts";
export { type Cursor, type Follower, type Refusal, Subscription, type Violation } from "./subscription.ts";
