import type { Reset, Socket, Subscription } from "../net/index.ts";
import type { Sequenced } from "./live.ts";
import { FAR, type KeptRoom, Room } from "./room.ts";

const MOST = 200; // of 256 that the server allows

export interface FollowingEvents {
  /** What is known of the room is another than before. */
  changed(room: Room): void;
  event(room: string, event: Sequenced): void;
  /** What was known of the room's history is not true. */
  reset(room: string): void;
  /** What is kept of the room is to go. */
  clear(room: string): void;
}

/**
 * The rooms that are known, and the subscriptions to most of them. Over `MOST`, those
 * that nobody asked for lately give way: they stay as they are until somebody does.
 */
export class Following {
  readonly rooms = new Map<string, Room>();
  #subscriptions = new Map<string, Subscription>(); // the least recently asked for first

  constructor(
    private readonly me: string,
    private readonly socket: Socket,
    private readonly events: FollowingEvents,
  ) {}

  /** Of what is kept nobody knows whether more is to come, until it is asked for. */
  load(kept: readonly KeptRoom[]): void {
    for (const k of kept) this.rooms.set(k.room, new Room({ ...k, head: k.cursor }));
  }

  follow(id: string, head: number): void {
    const followed = this.#subscriptions.get(id);
    if (followed) {
      this.#subscriptions.delete(id);
      this.#subscriptions.set(id, followed);
      return;
    }
    let room = this.rooms.get(id);
    if (!room || room.refused) this.rooms.set(id, (room = Room.begin(id, head)));
    else if (head - room.kept.cursor > FAR) this.#skip(room, head);
    else room.kept.head = Math.max(room.kept.head, head);
    this.#subscribe(room);
    for (const oldest of this.#subscriptions.keys()) {
      if (this.#subscriptions.size <= MOST) break;
      this.#unfollow(oldest);
    }
  }

  forget(id: string): void {
    this.#unfollow(id);
    this.rooms.delete(id);
    this.events.clear(id);
  }

  /** Whether the event is still to come. */
  awaits(id: string, seq: number): boolean {
    return this.#subscriptions.has(id) && (this.rooms.get(id)?.kept.cursor ?? 0) < seq;
  }

  /** The connection is gone: nothing is known to be complete. */
  interrupt(): void {
    for (const room of this.rooms.values()) {
      if (!room.caughtUp) continue;
      room.caughtUp = false;
      this.events.changed(room);
    }
  }

  #unfollow(id: string): void {
    this.#subscriptions.get(id)?.close();
    this.#subscriptions.delete(id);
    const room = this.rooms.get(id);
    if (!room) return;
    room.caughtUp = false;
    room.kept.head = room.kept.cursor; // nothing more is to come
    this.events.changed(room);
  }

  #skip(room: Room, head: number): void {
    room.skip(head);
    this.events.clear(room.kept.room);
  }

  #subscribe(room: Room): void {
    const { room: id, cursor: after, epoch } = room.kept;
    const from = { after, ...(epoch !== undefined && { epoch }) };
    const subscription = this.socket.subscribe(id, from, {
      event: (event, seq) => {
        this.events.event(id, room.event(event, seq, this.me));
        this.events.changed(room);
      },
      subscribed: (head) => {
        room.kept.epoch = subscription.cursor?.epoch ?? "";
        room.kept.head = head;
        room.caughtUp = false;
        if (head - room.kept.cursor > FAR) {
          subscription.close();
          this.#skip(room, head);
          this.#subscribe(room);
        }
        this.events.changed(room);
      },
      caughtUp: () => {
        room.caughtUp = true;
        this.events.changed(room);
      },
      reset: (reset) => this.#reset(room, reset),
      ended: (why) => {
        this.#subscriptions.delete(id);
        room.refused = why;
        delete room.kept.last;
        room.caughtUp = false;
        this.events.clear(id);
        this.events.changed(room);
      },
    });
    this.#subscriptions.set(id, subscription);
    this.events.changed(room);
  }

  #reset(room: Room, { head, epoch }: Reset): { after: number; epoch: string } {
    const { room: id } = room.kept;
    room.kept = Room.begin(id, head, epoch).kept;
    this.events.clear(id);
    this.events.reset(id);
    this.events.changed(room);
    return { after: room.kept.cursor, epoch };
  }
}
