import { type Ack, type Message, Outbox, type OutboxOptions, type RoomEvent } from "../net/index.ts";
import type { Pending } from "./live.ts";
import { LOAD_MS, within, type World } from "./world.ts";

/** Whether an event is still to come. */
export type Awaits = (room: string, seq: number) => boolean;
/** Told that a message has got its seq: its event is to come, also where nobody follows the room. */
export type Acked = (room: string, seq: number) => void;

/**
 * The outbox as people see it: a message is in it until its event is in the timeline, so
 * that it neither flickers between ack and event nor shows twice.
 */
export class Sending {
  #acked = new Map<string, Pending>(); // their events are still to come
  #outbox: Outbox | undefined;

  /** `before` is what the last leader had acked and not yet seen. */
  constructor(before: readonly Pending[]) {
    for (const p of before) if (p.seq !== undefined) this.#acked.set(p.key, p);
  }

  /** Goes on with what the store has, when it says so soon; what comes later is sent later. */
  async open(world: World, options: Omit<OutboxOptions, "sent">, acked: Acked): Promise<void> {
    const { store } = options;
    const kept = store.load();
    const sent = (message: Message, ack: Ack) => {
      this.#acked.set(message.key, { ...message, seq: ack.seq });
      acked(message.room, ack.seq);
    };
    const outbox = await Outbox.open({
      ...options,
      sent,
      store: {
        load: () => Promise.resolve([]),
        put: (message) => store.put(message),
        remove: (key) => store.remove(key),
      },
    });
    this.#outbox = outbox;
    const adopted = kept.then(
      (messages) => {
        for (const m of messages) outbox.adopt(m);
      },
      (err: unknown) => options.storeFailed?.(err),
    );
    await within(LOAD_MS, world, adopted);
  }

  get outbox(): Outbox | undefined {
    return this.#outbox;
  }

  /** An event of this user came. */
  came({ key }: RoomEvent): void {
    if (key !== undefined && !this.#acked.delete(key)) this.#outbox?.logged(key);
  }

  /** In the order of sending. */
  pending(awaits: Awaits): Pending[] {
    for (const { key, room, seq } of this.#acked.values()) {
      if (seq !== undefined && !awaits(room, seq)) this.#acked.delete(key);
    }
    const waiting = [...(this.#outbox?.messages ?? [])];
    if (this.#acked.size === 0) return waiting;
    return [...this.#acked.values(), ...waiting].sort((a, b) => a.position - b.position);
  }
}
