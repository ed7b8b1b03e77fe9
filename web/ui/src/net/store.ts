import { isObject } from "./read.ts";
import type { Refusal } from "./subscription.ts";

/** A message of the outbox, as it is kept. */
export interface Message {
  /** Its idempotency key. */
  readonly key: string;
  readonly room: string;
  readonly body: string;
  /** Its place in the order of sending. */
  readonly position: number;
  /** Milliseconds since 1970 by this computer's clock, for people. */
  readonly written: number;
  /** Why the server will not take it. Without it, the message waits to be sent or acked. */
  readonly failed?: Refusal;
}

/**
 * Where messages survive a reload or a crash; one user's. A call has succeeded when its
 * promise is fulfilled; they may overlap, and take effect in the order of the calls.
 */
export interface Store {
  load(): Promise<Message[]>;
  /** Adds the message, or takes the place of the one with its key. */
  put(message: Message): Promise<void>;
  /** Removing what is not there does nothing. */
  remove(key: string): Promise<void>;
}

/** A store that forgets with the page: for tests, and where the browser has no other. */
export class MemoryStore implements Store {
  #messages = new Map<string, Message>();

  load(): Promise<Message[]> {
    return Promise.resolve([...this.#messages.values()]);
  }

  put(message: Message): Promise<void> {
    this.#messages.set(message.key, message);
    return Promise.resolve();
  }

  remove(key: string): Promise<void> {
    this.#messages.delete(key);
    return Promise.resolve();
  }
}

/** Whether something that was read is a message: another version may have written it. */
export function isMessage(v: unknown): v is Message {
  return (
    isObject(v) &&
    [v.key, v.room, v.body].every((s) => typeof s === "string") &&
    [v.position, v.written].every((n) => Number.isSafeInteger(n)) &&
    (v.failed === undefined || isObject(v.failed))
  );
}
