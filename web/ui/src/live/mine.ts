import type { Message, Store } from "../net/index.ts";
import type { Pending } from "./live.ts";

/** Messages that were written in this tab and that the leader does not know of yet. */
export class Mine {
  #messages = new Map<string, { message: Message; asked?: number }>();

  constructor(
    private readonly store: Store,
    /** Asks the leader to take the message over. */
    private readonly handOver: (message: Message) => number,
    private readonly failed: (err: unknown) => void,
  ) {}

  /** Kept first: whoever leads next finds it there, whatever happens to this tab and to the leader. */
  add(message: Message): void {
    this.#messages.set(message.key, { message });
    void this.store
      .put(message)
      .catch(this.failed)
      .then(() => {
        this.#ask(message.key);
      });
  }

  /** The tab goes: the leader should know of what may be kept by then. */
  handAllOver(): void {
    for (const key of this.#messages.keys()) this.#ask(key);
  }

  /** The message was asked for again. */
  again(message: Message, n: number): void {
    const mine = this.#messages.get(message.key);
    if (mine) mine.asked = n;
  }

  /** The leader did all up to this number. */
  done(n: number): void {
    for (const [key, { asked = Infinity }] of this.#messages) if (asked <= n) this.#messages.delete(key);
  }

  /** What the leader knows, with these. */
  with(known: readonly Pending[]): readonly Pending[] {
    const mine = [...this.#messages.values()].map(({ message }) => message);
    const unknown = mine.filter(({ key }) => !known.some((m) => m.key === key));
    if (unknown.length === 0) return known;
    return [...known, ...unknown].sort((a, b) => a.position - b.position);
  }

  #ask(key: string): void {
    const mine = this.#messages.get(key);
    if (mine && mine.asked === undefined) mine.asked = this.handOver(mine.message);
  }
}
