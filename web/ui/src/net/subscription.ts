import type { Backoff } from "./backoff.ts";
import { type Environment, guarded } from "./environment.ts";
import type { ClientFrame, Code, ErrorFrame, Reset, RoomEvent, Subscribed } from "./frames.ts";

/** Where to begin: after a seq (0: the whole history), in an epoch if it is known. */
export interface Cursor {
  after: number;
  epoch?: string;
}

/** Why the server did not do something. */
export interface Refusal {
  code: Code;
  message: string;
}

/** The server broke rule 1: `got` came where `want` had to. */
export interface Violation {
  room: string;
  want: number;
  got: number;
}

/** What a follower of a room is told. The calls come in order, never two at a time. */
export interface Follower {
  /** Each event once, seqs rising by one through all reconnects. */
  event(event: RoomEvent, seq: number): void;
  /** The server sends from the cursor on; `head` is the room's newest seq (progress). */
  subscribed?(head: number): void;
  /** Everything up to the head of this moment has come. Again after each reconnect. */
  caughtUp?(seq: number): void;
  /**
   * The cursor is not of this room's history: throw away what was derived from it. The
   * subscription goes on with the returned cursor or, without one, with the whole history.
   */
  reset?(reset: Reset): Cursor | undefined;
  /** The server ended the subscription for good: `not_found` when one may not read it any more. */
  ended?(why: Refusal): void;
}

/** The follower, which must not break what tells it. */
export function guardedFollower(e: Environment, f: Follower): Required<Follower> {
  return {
    event: guarded(e, (...told) => {
      f.event(...told);
    }),
    subscribed: guarded(e, (head) => f.subscribed?.(head)),
    caughtUp: guarded(e, (seq) => f.caughtUp?.(seq)),
    reset: guarded(e, (reset) => f.reset?.(reset)),
    ended: guarded(e, (why) => f.ended?.(why)),
  };
}

/** What a subscription needs of its connection. */
export interface Requests {
  /** A new frame id. */
  id(): string;
  /** Sends the frame if there is a connection. */
  write(frame: ClientFrame): void;
  /** Does f later, if this connection still stands then. */
  later(ms: number, f: () => void): void;
  violated(violation: Violation): void;
  /** The subscription is over. */
  forget(subscription: Subscription): void;
}

const PASSING: readonly Code[] = ["unavailable", "rate_limited", "internal"];

/** Whether the same again may go well. */
export function passing(code: Code): boolean {
  return PASSING.includes(code);
}

/**
 * One room, followed from a cursor on through all reconnects. It asserts rule 1 of the
 * contract, and resumes from the last good seq when that is broken.
 */
export class Subscription {
  #last = 0;
  #head = 0;
  #epoch: string | undefined;
  #live: boolean; // begins at the head, which is not known yet
  #id = ""; // of the subscribe frame in force
  #following = false; // its "subscribed" has come
  #promised = 0; // the head that the last heartbeat told
  #caughtUp = false;
  #over = false;

  /** @internal Socket.subscribe makes them. */
  constructor(
    readonly room: string,
    from: Cursor | "live",
    private readonly follower: Follower,
    private readonly line: Requests,
    private readonly healing: Backoff,
  ) {
    this.#live = from === "live";
    if (from !== "live") this.#start(from);
  }

  /** To keep, and to begin from after a reload. Undefined until a live one has begun. */
  get cursor(): Cursor | undefined {
    return this.#live
      ? undefined
      : { after: this.#last, ...(this.#epoch !== undefined && { epoch: this.#epoch }) };
  }

  /** The newest seq known to exist; at least the cursor's. */
  get head(): number {
    return Math.max(this.#head, this.#last);
  }

  get state(): "waiting" | "catching up" | "live" | "ended" {
    if (this.#over) return "ended";
    if (!this.#following) return "waiting";
    return this.#caughtUp ? "live" : "catching up";
  }

  /** Ends it; nothing is told any more. Closing again does nothing. */
  close(): void {
    if (this.#over) return;
    this.#end();
    this.line.write({ type: "unsubscribe", id: this.line.id(), room: this.room });
  }

  // What follows is for the socket.

  /** @internal Asks for what comes after the last good seq, on whatever connection there is. */
  request(): void {
    if (this.#over) return;
    this.interrupt();
    this.#id = this.line.id();
    const from = this.#live ? {} : { after: this.#last, epoch: this.#epoch };
    this.line.write({ type: "subscribe", id: this.#id, room: this.room, ...from });
  }

  /** @internal What comes from here on is of a subscription that was given up. */
  interrupt(): void {
    this.#following = false;
    this.#caughtUp = false;
    this.#promised = 0;
  }

  /** @internal */
  subscribed(f: Subscribed): void {
    if (f.id !== this.#id) return;
    this.#following = true;
    this.#epoch = f.epoch;
    this.#head = f.head;
    const live = this.#live;
    if (live) this.#start({ after: f.head, epoch: f.epoch });
    this.follower.subscribed?.(f.head);
    if (live) this.caughtUp(f.head);
  }

  /** @internal */
  event(seq: number, event: RoomEvent): void {
    if (!this.#following) return;
    if (seq !== this.#last + 1) {
      this.#violated(seq);
      return;
    }
    this.#last = seq; // before the follower is told: it may throw, or ask for the cursor
    this.healing.reset();
    this.follower.event(event, seq);
  }

  /** @internal */
  caughtUp(seq: number): void {
    if (!this.#following) return;
    if (seq !== this.#last) {
      this.#violated(seq);
      return;
    }
    this.#caughtUp = true;
    this.follower.caughtUp?.(seq);
  }

  /**
   * @internal Looks for events that got lost at the end, where no gap shows them. What
   * a heartbeat tells may be on its way; at the next one it must have come.
   */
  compare(head: number): void {
    if (!this.#following) return;
    const lost = this.#last < this.#promised;
    this.#head = head;
    if (lost) this.request();
    else this.#promised = head;
  }

  /** @internal */
  reset(f: Reset): void {
    if (f.id !== this.#id || this.#over) return;
    this.interrupt();
    this.#head = f.head;
    this.#start({ after: 0, epoch: f.epoch });
    const id = this.#id;
    const from = this.follower.reset?.(f);
    if (from) this.#start(from);
    if (id === this.#id) this.request();
  }

  /** @internal Whether the error is about this subscription. */
  failed(f: ErrorFrame): boolean {
    if (f.id === undefined || f.id !== this.#id) return false;
    this.interrupt();
    if (passing(f.code)) {
      this.#again(Math.max(f.retry_after_ms ?? 0, this.healing.next()));
    } else {
      this.#end();
      this.follower.ended?.({ code: f.code, message: f.message });
    }
    return true;
  }

  #start(from: Cursor): void {
    this.#live = false;
    this.#last = from.after;
    this.#epoch = from.epoch;
  }

  #violated(got: number): void {
    this.interrupt();
    this.line.violated({ room: this.room, want: this.#last + 1, got });
    // Not at once: a server that keeps breaking the rule would be asked without a pause.
    this.#again(this.healing.next());
  }

  #again(ms: number): void {
    const id = this.#id;
    this.line.later(ms, () => {
      if (this.#id === id) this.request();
    });
  }

  #end(): void {
    this.interrupt();
    this.#over = true;
    this.line.forget(this);
  }
}
