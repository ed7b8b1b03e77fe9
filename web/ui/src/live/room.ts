import type { Refusal, RoomEvent } from "../net/index.ts";
import type { RoomLive, Sequenced } from "./live.ts";

/** Further behind than so many events it goes on near the end; what is between comes by REST. */
export const FAR = 5_000;
/** How far before the end it begins. */
export const NEAR = 50;
/** The most events of a room that are kept. */
export const KEPT = 300;
const COUNTED = 1_000; // unread messages that are known one by one

/** What is kept of a room. Its events from `first` to `cursor` are kept, too. */
export interface KeptRoom {
  room: string;
  cursor: number;
  epoch?: string;
  head: number;
  first: number;
  last?: RoomLive["last"];
  read: number;
  /** Seqs of unread messages of others; all of those after `covered`. */
  others: number[];
  covered: number;
  /** An estimate of how many there are up to `covered`. */
  uncounted: number;
}

/** Whether something that was read is a kept room: another version may have written it. */
export function isKeptRoom(v: unknown): v is KeptRoom {
  const r = v as Partial<KeptRoom> | null;
  return (
    typeof r === "object" &&
    typeof r?.room === "string" &&
    [r.cursor, r.head, r.first, r.read, r.covered, r.uncounted].every((n) => Number.isSafeInteger(n)) &&
    (r.epoch === undefined || typeof r.epoch === "string") &&
    Array.isArray(r.others) &&
    r.others.every((n) => Number.isSafeInteger(n)) &&
    (r.last === undefined || typeof r.last.body === "string")
  );
}

/** One room that is followed: how far it is, and what of it is unread. */
export class Room {
  caughtUp = false;
  refused: Refusal | undefined;

  constructor(public kept: KeptRoom) {}

  /** A room that is new in this browser: what was said before counts as read. */
  static begin(room: string, head: number, epoch?: string): Room {
    const cursor = Math.max(0, head - NEAR);
    return new Room({
      room,
      cursor,
      ...(epoch !== undefined && { epoch }),
      head,
      first: cursor + 1,
      read: head,
      others: [],
      covered: cursor,
      uncounted: 0,
    });
  }

  get live(): RoomLive {
    const { room, cursor, epoch, head, last, read, others, uncounted } = this.kept;
    return {
      room,
      cursor,
      head: Math.max(head, cursor),
      caughtUp: this.caughtUp,
      read,
      unread: uncounted + others.length,
      ...(epoch !== undefined && { epoch }),
      ...(last && { last }),
      ...(this.refused && { refused: this.refused }),
    };
  }

  /** The event after the cursor came. */
  event(event: RoomEvent, seq: number, me: string): Sequenced {
    const k = this.kept;
    const sequenced = { ...event, seq };
    k.cursor = seq;
    k.head = Math.max(k.head, seq);
    if (sequenced.kind !== "message.posted") return sequenced;
    k.last = sequenced;
    if (seq > k.read && event.actor.id !== me) this.#count(seq);
    return sequenced;
  }

  /** Moves the read position; false when it is there already, or further. */
  readUpTo(seq: number): boolean {
    const k = this.kept;
    if (seq <= k.read) return false;
    k.read = seq;
    k.others = k.others.filter((other) => other > seq);
    k.uncounted = Math.min(k.uncounted, Math.max(0, k.covered - seq));
    return true;
  }

  /** Goes on shortly before the head: what is between is counted as if all were messages of others. */
  skip(head: number): void {
    const k = this.kept;
    k.head = head;
    k.cursor = Math.max(0, head - NEAR);
    k.first = k.cursor + 1;
    k.others = [];
    k.covered = k.cursor;
    k.uncounted = Math.max(0, k.cursor - k.read);
  }

  /** Lets the oldest kept events go; a few too many are kept, so that it need not be done for each. */
  trim(): void {
    const k = this.kept;
    if (k.cursor - k.first >= KEPT + NEAR) k.first = k.cursor - KEPT + 1;
  }

  #count(seq: number): void {
    const k = this.kept;
    k.others.push(seq);
    if (k.others.length <= COUNTED) return;
    k.covered = k.others.shift() ?? k.covered;
    k.uncounted++;
  }
}
