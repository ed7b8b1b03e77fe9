import type { Message, Store } from "../net/index.ts";
import type { Pending } from "./live.ts";

/**
 * Messages that were written in this tab and that the leader has not taken over yet. They
 * are kept and handed over at the same time, since the disk may take longer than the
 * server: whichever of this tab, the leader and the store lives has the message, and if
 * all three do the key makes it one.
 */
export class Mine {
  #messages = new Map<string, { message: Message; asked: number }>();

  constructor(
    private readonly store: Store,
    /** Asks the leader to take the message over. */
    private readonly handOver: (message: Message) => number,
    private readonly failed: (err: unknown) => void,
  ) {}

  add(message: Message): void {
    this.store.put(message).catch(this.failed);
    this.#messages.set(message.key, { message, asked: this.handOver(message) });
  }

  /** The message was asked for again. */
  again(message: Message, n: number): void {
    const mine = this.#messages.get(message.key);
    if (mine) mine.asked = n;
  }

  /** The leader did all up to this number. */
  done(n: number): void {
    for (const [key, { asked }] of this.#messages) if (asked <= n) this.#messages.delete(key);
  }

  /** What the leader knows, with these. */
  with(known: readonly Pending[]): readonly Pending[] {
    const mine = [...this.#messages.values()].map(({ message }) => message);
    const unknown = mine.filter(({ key }) => !known.some((m) => m.key === key));
    if (unknown.length === 0) return known;
    return [...known, ...unknown].sort((a, b) => a.position - b.position);
  }
}
