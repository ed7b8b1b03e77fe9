import type { Message, Refusal, RoomEvent, User, Violation } from "../net/index.ts";

/** An event with its place in its room. */
export type Sequenced = RoomEvent & { readonly seq: number };

/** A message of the outbox; it stays until the room's cursor has passed its event. */
export type Pending = Message & {
  /** Its seq, once it was acked. */
  readonly seq?: number;
};

/** A room that is followed. */
export interface RoomLive {
  readonly room: string;
  readonly epoch?: string;
  /** Every event up to this seq has come. */
  readonly cursor: number;
  /** The newest seq that the server told of: `cursor` behind it is still to come. */
  readonly head: number;
  /** The cursor had reached the head since the last (re)connect. */
  readonly caughtUp: boolean;
  /** The newest message that is known. */
  readonly last?: Sequenced & { kind: "message.posted" };
  /** Read position: everything up to this seq was seen in this browser. */
  readonly read: number;
  /** Messages of others after `read` (an estimate where not all of them were received). */
  readonly unread: number;
  /** The server ended following it: `not_found` when one may not read it any more. */
  readonly refused?: Refusal;
}

export type LiveStatus = "connecting" | "open" | "waiting" | "ended";

/** All that is known of the line and the rooms; replaced, never changed. */
export interface LiveState {
  readonly status: LiveStatus;
  /** Why it ended; with "session ended" one has to sign in again. */
  readonly ended?: string;
  /** Milliseconds since 1970: when it tries again, while waiting. */
  readonly retryAt?: number;
  /** Whether this tab holds the connection for all tabs of this browser. */
  readonly leader: boolean;
  readonly node?: string;
  /** The last measured round trip, in milliseconds. */
  readonly roundTrip?: number;
  /** The most bytes of UTF-8 in a message. */
  readonly maxBody: number;
  readonly rooms: Readonly<Record<string, RoomLive>>;
  /** In the order of sending. */
  readonly outbox: readonly Pending[];
  /** What broke rule 1 of the contract, newest last; healed by a resume each time. */
  readonly violations: readonly (Violation & { readonly at: number })[];
  /** The browser keeps nothing (private window, full disk): what is typed lives as long as the tabs. */
  readonly unkept: boolean;
}

/** What a tab is told. The calls come in order, never two at a time. */
export interface LiveListener {
  /** At most once a frame. */
  changed(state: LiveState): void;
  /**
   * Events of a room, in order, as many at once as came since the last frame. A tab that
   * joined later may see a gap to what it has: it fetches what is between by REST.
   */
  events(room: string, events: readonly Sequenced[]): void;
  /** What is shown of the room is not its history: forget it and begin anew. */
  reset(room: string): void;
}

/**
 * The live side of one signed-in user in one tab: one connection for all tabs of the
 * browser (a leader by Web Locks), cursors, newest events and outbox in IndexedDB.
 */
export interface Live {
  readonly user: User;
  readonly state: LiveState;
  /** Follows a room from its kept cursor, or from shortly before `head` when it is new here. Again does nothing. */
  follow(room: string, head: number): void;
  /**
   * Ends following: one has left it, or may not read it. What is kept of it is removed. While
   * another tab follows it, it begins anew.
   */
  forget(room: string): void;
  /** The newest events kept in this browser: without a gap, the last one at the cursor or before. */
  kept(room: string): Promise<readonly Sequenced[]>;
  /** In `state.outbox` at once; kept, and sent under one key until it was acked. */
  send(room: string, body: string): void;
  /** Sends a failed message again. */
  retry(key: string): void;
  /** Drops a failed message. */
  discard(key: string): void;
  /** Moves the read position, never back. */
  read(room: string, seq: number): void;
  /** Asks for a round trip to be measured now. */
  ping(): void;
  /** Ends this tab's part; another tab goes on. */
  close(): void;
  /** At sign-out: ends, and removes what the browser keeps of this user, except unsent messages. */
  erase(): Promise<void>;
}
