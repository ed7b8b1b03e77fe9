// What tabs of one user say to each other. A version of the app that says it differently
// has to change the names of the lock and the channel.
import type { Message } from "../net/index.ts";
import type { LiveState, Pending, RoomLive, Sequenced } from "./live.ts";

/** What a tab wants from the leader. Each may be asked twice: a leader may die before it says "done". */
export type Command =
  | { do: "hello" | "wake" | "ping" }
  | { do: "follow"; rooms: readonly (readonly [room: string, head: number])[] }
  | { do: "forget"; room: string }
  | { do: "read"; room: string; seq: number }
  | { do: "retry" | "discard"; key: string }
  | { do: "adopt"; message: Message };

/** What all tabs know alike. */
export type Shared = Omit<LiveState, "leader">;

/** What the leader tells all tabs, its own too: what is new since the last. */
export interface Batch {
  type: "batch";
  leader: string; // that of a later one is greater
  /** Everything, not only what is new: to those that came, or from a leader that came. */
  whole: boolean;
  line: Omit<Shared, "rooms" | "outbox" | "violations">;
  outbox?: readonly Pending[];
  violations?: Shared["violations"];
  rooms: Record<string, RoomLive>;
  gone: readonly string[];
  /** Before `events`. */
  resets: readonly string[];
  events: Record<string, readonly Sequenced[]>;
  /** By tab: the number of its last command that was done. */
  done: Record<string, number>;
}

export type Talk =
  | Batch
  | { type: "do"; from: string; n: number; command: Command }
  /** Write what is known to the cache, and say so. */
  | { type: "save"; from: string; n: number }
  | { type: "saved"; to: string; n: number }
  /** Somebody signed out here. */
  | { type: "erased" };

/** What is known after a batch. */
export function after(known: Shared, batch: Batch): Shared {
  const { line, whole, outbox = known.outbox, violations = known.violations } = batch;
  let rooms = known.rooms;
  if (whole) rooms = batch.rooms;
  else if (Object.keys(batch.rooms).length + batch.gone.length > 0) {
    const gone = new Set(batch.gone);
    rooms = Object.fromEntries(
      Object.entries({ ...rooms, ...batch.rooms }).filter(([room]) => !gone.has(room)),
    );
  }
  return { ...line, rooms, outbox, violations };
}
