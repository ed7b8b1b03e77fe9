import { Backoff } from "./backoff.ts";
import { guarded, type Timer } from "./environment.ts";
import type { Ack, ErrorFrame } from "./frames.ts";
import { newKeys } from "./key.ts";
import type { OutboxOptions } from "./options.ts";
import type { Message } from "./store.ts";
import { passing } from "./subscription.ts";

const OVERDUE_MS = 20_000; // an answer that has not come by then: the message is sent again

/** A place after `last` and, as far as clocks tell, after what other tabs have written before. */
export function nextPosition(last: number, now: number): number {
  return Math.max(last + 1, Math.floor(now) * 1000);
}

function byPosition(a: Message, b: Message): number {
  return a.position - b.position || (a.key < b.key ? -1 : 1);
}

type Failed = Message & Required<Pick<Message, "failed">>;

// What one room waits for.
interface Lane {
  inFlight: string | undefined; // its key
  overdue: Timer | undefined; // of what is in flight
  pause: Timer | undefined;
  backoff: Backoff;
}

/**
 * Messages that the server has not acked yet. Each is kept in the store before it is
 * sent, and sent, under one key, through as many connections and reloads as it takes:
 * it is in the room's log once. In each room one is in flight at a time, so that their
 * order holds. Only one outbox should work on a store at a time: two double nothing,
 * but their messages may overtake each other.
 */
export class Outbox {
  #messages: readonly Message[]; // by position
  #unkept = new Set<string>(); // keys that the store has not yet promised to keep
  #lanes = new Map<string, Lane>();
  #position: number;
  #key: () => string;
  #stopListening: () => void;
  #closed = false;

  private constructor(
    private readonly options: OutboxOptions,
    kept: Message[],
  ) {
    this.#messages = kept.sort(byPosition);
    this.#position = this.#messages.at(-1)?.position ?? 0;
    this.#key = newKeys(options.line.environment.now);
    this.#stopListening = options.line.onOpen(() => {
      this.#opened();
    });
    this.#opened(); // it may stand already
  }

  /** Opens the outbox with what the store has, which is sent as soon as can be. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    let kept: Message[] = [];
    try {
      kept = await options.store.load();
    } catch (err) {
      options.storeFailed?.(err);
    }
    return new Outbox(options, kept);
  }

  /** What waits or has failed, in the order of sending: a new list after each change. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** Takes a message; it is in `messages` at once, and sent when the store keeps it. */
  add(room: string, body: string): Message {
    const { now } = this.options.line.environment;
    const message = { key: this.#key(), room, body, position: this.#next(), written: now() };
    this.#insert(message);
    return message;
  }

  /** Takes a message that another tab has put into the store; one that is known already changes nothing. */
  adopt(message: Message): void {
    if (this.#messages.some((m) => m.key === message.key)) return;
    this.#position = Math.max(this.#position, message.position);
    this.#become([...this.#messages, message].sort(byPosition));
    this.#pump(message.room);
  }

  /** Sends a failed message again, after all others. False when there is no such. */
  retry(key: string): boolean {
    const failed = this.#failed(key);
    if (!failed) return false;
    const { failed: why, ...message } = failed;
    // The key of a conflict belongs to another message, for ever.
    const again = why.code === "conflict" ? { ...message, key: this.#key() } : message;
    this.#messages = this.#messages.filter((m) => m !== failed);
    this.#insert({ ...again, position: this.#next() });
    if (again.key !== key) this.#kept(this.options.store.remove(key));
    return true;
  }

  /**
   * Forgets a failed message. False when there is no such: one that still waits may be in
   * the log already, and cannot be taken back.
   */
  discard(key: string): boolean {
    const failed = this.#failed(key);
    if (failed) this.#remove(failed);
    return failed !== undefined;
  }

  /** Its event came, which is as good as an ack: that may be lost, and never come again. */
  logged(key: string): void {
    const message = this.#messages.find((m) => m.key === key);
    if (!message) return;
    const lane = this.#lane(message.room);
    if (lane.inFlight === key) this.#landed(lane);
    this.#remove(message);
    this.#pump(message.room);
  }

  /** Stops sending. What was not acked stays in the store for the next outbox. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const lane of this.#lanes.values()) {
      this.options.line.environment.clearTimeout(lane.pause);
      this.options.line.environment.clearTimeout(lane.overdue);
    }
  }

  #next(): number {
    return (this.#position = nextPosition(this.#position, this.options.line.environment.now()));
  }

  #failed(key: string): Failed | undefined {
    return this.#messages.find((m): m is Failed => m.key === key && m.failed !== undefined);
  }

  #insert(message: Message): void {
    this.#unkept.add(message.key);
    this.#become([...this.#messages, message]);
    this.#kept(this.options.store.put(message), () => {
      this.#unkept.delete(message.key);
      this.#pump(message.room);
    });
  }

  #remove(message: Message): void {
    this.#become(this.#messages.filter((m) => m.key !== message.key));
    this.#kept(this.options.store.remove(message.key));
  }

  #become(messages: readonly Message[]): void {
    this.#messages = messages;
    guarded(this.options.line.environment, () => this.options.changed?.())();
  }

  // Then goes on either way: a browser that keeps nothing can send all the same.
  #kept(stored: Promise<void>, then?: () => void): void {
    const failed = guarded(this.options.line.environment, (err: unknown) => this.options.storeFailed?.(err));
    void stored.catch(failed).then(then);
  }

  // Nothing of an earlier connection is answered any more.
  #opened(): void {
    for (const lane of this.#lanes.values()) this.#landed(lane);
    for (const room of new Set(this.#messages.map((m) => m.room))) this.#pump(room);
  }

  #lane(room: string): Lane {
    let lane = this.#lanes.get(room);
    if (!lane) {
      lane = {
        inFlight: undefined,
        overdue: undefined,
        pause: undefined,
        backoff: new Backoff(this.options.line.environment.random),
      };
      this.#lanes.set(room, lane);
    }
    return lane;
  }

  #pump(room: string): void {
    const lane = this.#lane(room);
    const next = this.#messages.find((m) => m.room === room && !m.failed);
    if (
      this.#closed ||
      lane.inFlight !== undefined ||
      lane.pause !== undefined ||
      !next ||
      this.#unkept.has(next.key)
    )
      return;
    lane.inFlight = next.key;
    lane.overdue = this.options.line.environment.setTimeout(() => {
      this.#landed(lane);
      this.#pump(room);
    }, OVERDUE_MS);
    const posted = this.options.line.post(next, (answer) => {
      // It may have been sent twice, and be answered already.
      if (this.#closed || !this.#messages.includes(next)) return;
      this.#landed(lane);
      this.#answered(lane, next, answer);
    });
    if (!posted) this.#landed(lane);
  }

  #landed(lane: Lane): void {
    lane.inFlight = undefined;
    this.options.line.environment.clearTimeout(lane.overdue);
  }

  #answered(lane: Lane, message: Message, answer: Ack | ErrorFrame): void {
    if (answer.type === "ack") {
      lane.backoff.reset();
      this.#remove(message);
      guarded(this.options.line.environment, () => this.options.sent?.(message, answer))();
    } else if (passing(answer.code)) {
      this.#pause(lane, message.room, Math.max(answer.retry_after_ms ?? 0, lane.backoff.next()));
    } else if (answer.code === "unauthenticated") {
      return; // this connection is about to end; the message is for another session's
    } else {
      this.#fail(message, answer);
    }
    this.#pump(message.room);
  }

  #pause(lane: Lane, room: string, ms: number): void {
    this.options.line.environment.clearTimeout(lane.pause);
    lane.pause = this.options.line.environment.setTimeout(() => {
      lane.pause = undefined;
      this.#pump(room);
    }, ms);
  }

  #fail(message: Message, { code, message: why }: ErrorFrame): void {
    const failed = { ...message, failed: { code, message: why } };
    this.#become(this.#messages.map((m) => (m.key === message.key ? failed : m)));
    this.#kept(this.options.store.put(failed));
  }
}
