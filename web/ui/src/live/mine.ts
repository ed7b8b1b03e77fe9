import type { Message, Store } from "../net/index.ts";
import type { Pending } from "./live.ts";

interface Written {
  message: Message;
  /** The number under which the leader was asked to take it over. */
  asked: number;
  /** It is in the store. */
  kept: boolean;
}

/**
 * Messages that were written in this tab, and that would be lost with the leader: it has not
 * taken them over yet, or the store has not. They are kept and handed over at the same time,
 * since the disk may take longer than the server: whichever of this tab, the leader and the
 * store lives has the message, and if all three do the key makes it one.
 */
export class Mine {
  #written = new Map<string, Written>();
  #done = 0;

  constructor(
    /** None where the browser keeps nothing. */
    private readonly store: Store | undefined,
    /** Asks the leader to take the message over. */
    private readonly handOver: (message: Message) => number,
    private readonly failed: (err: unknown) => void,
  ) {}

  add(message: Message): void {
    const written: Written = { message, asked: Infinity, kept: false };
    this.#written.set(message.key, written);
    this.store?.put(message).then(() => {
      written.kept = true;
    }, this.failed);
    written.asked = this.handOver(message);
  }

  /** Another leader came: it may not know of them. */
  again(): void {
    for (const written of this.#written.values()) written.asked = this.handOver(written.message);
  }

  /** The leader did all up to this number, and this is what it knows. */
  done(n: number, known: readonly Pending[]): void {
    this.#done = Math.max(this.#done, n);
    for (const [key, { asked, kept }] of this.#written) {
      if (asked <= this.#done && (kept || !known.some((m) => m.key === key))) this.#written.delete(key);
    }
  }

  /** What the leader knows, with these. */
  with(known: readonly Pending[]): readonly Pending[] {
    const mine = [...this.#written.values()].map(({ message }) => message);
    const unknown = mine.filter(({ key }) => !known.some((m) => m.key === key));
    if (unknown.length === 0) return known;
    return [...known, ...unknown].sort((a, b) => a.position - b.position);
  }
}
