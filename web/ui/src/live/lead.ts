import { Socket, type SocketState, type Store, type User, type Violation } from "../net/index.ts";
import type { Cache } from "./cache.ts";
import { Following } from "./following.ts";
import { idle } from "./idle.ts";
import type { LiveState, Pending, RoomLive } from "./live.ts";
import { News } from "./news.ts";
import { Pacer } from "./pacer.ts";
import { Saver, within } from "./saver.ts";
import { Sending } from "./sending.ts";
import type { Batch, Command, Shared } from "./talk.ts";
import type { World } from "./world.ts";

const MOST_VIOLATIONS = 100;
const REPORT_MS = 1_000;
const MEASURE_MS = 60_000;
const LOAD_MS = 3_000; // then it goes on without what is kept

export interface LeadOptions {
  me: User;
  world: World;
  cache: Cache;
  store: Store;
  /** What was known before, from another leader. */
  before: Shared;
  /** Called with what all tabs are to be told, in order. */
  tell(batch: Batch): void;
  /** The browser did not keep something. */
  failed(err: unknown): void;
  unkept(): boolean;
}

/** What the leading tab does for all: the connection, the rooms, the outbox, the cache. */
export class Lead {
  /** Fulfilled when all is written after close(). */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #state: "opening" | "open" | "closed" = "opening";
  #socket: Socket;
  #line: SocketState = { status: "connecting" };
  #welcomed: Pick<LiveState, "node" | "maxBody"> = { maxBody: idle.maxBody };
  #roundTrip: number | undefined;
  #following: Following;
  #sending: Sending;
  #told: readonly Pending[] = [];
  #saver: Saver;
  #violations: LiveState["violations"];
  #reported = -Infinity;
  #pacer: Pacer;
  #news = new News();
  #done: Record<string, number> = {};

  constructor(
    readonly id: string,
    private readonly options: LeadOptions,
  ) {
    const { world, me, before, cache } = options;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#violations = before.violations;
    this.#sending = new Sending(before.outbox);
    this.#saver = new Saver(cache, world);
    this.#pacer = new Pacer(world, () => {
      this.#tell();
    });
    this.#socket = new Socket({
      url: world.url,
      user: me.id,
      environment: world.net,
      state: (state) => {
        this.#lineIs(state);
      },
      violated: (violation) => {
        this.#violated(violation);
      },
      sessionEnded: async () => (await world.fetch("/api/v1/me")).status === 401,
    });
    this.#following = new Following(me.id, this.#socket, {
      changed: (room) => {
        this.#news.changed(room);
        this.#pacer.ask();
      },
      event: (room, event) => {
        this.#news.event(room, event);
        if (event.actor.id === me.id) this.#sending.came(event);
      },
      reset: (room) => {
        this.#news.reset(room);
      },
      clear: (room) => {
        this.#saver.clear(room);
      },
    });
  }

  /** Goes on from what is kept, and tells everything. */
  async open(): Promise<void> {
    const { cache, store, world } = this.options;
    this.#following.load((await within(LOAD_MS, world, cache.load())) ?? []);
    await this.#sending.open({
      line: this.#socket,
      store,
      changed: () => {
        this.#pacer.ask();
      },
      storeFailed: (err) => {
        this.options.failed(err);
      },
    });
    if (this.#state === "closed") {
      this.#sending.outbox?.close();
      return;
    }
    this.#state = "open";
    this.#socket.start();
    this.#news.whole = true;
    this.#tell();
    this.#measureAgain();
  }

  /** Ends it; what came is told and written. Again does nothing. */
  close(): Promise<void> {
    this.#tell();
    this.#state = "closed";
    this.#sending.outbox?.close();
    this.#socket.close();
    void this.#saver.save().then(this.#end);
    return this.ended;
  }

  /** From now on nothing is written: somebody has signed out. */
  abandon(): void {
    this.#saver.abandon();
  }

  /** Writes what came. */
  async save(): Promise<void> {
    this.#tell();
    await this.#saver.save();
  }

  /**
   * Does what a tab wants, once: commands of a tab are numbered. Nothing before it is open:
   * tabs repeat, when a leader comes, what the last one left undone.
   */
  do(tab: string, n: number, command: Command): void {
    if (this.#state !== "open") return;
    if (n > (this.#done[tab] ?? 0)) {
      this.#done[tab] = n;
      this.#command(command);
    }
    this.#news.done[tab] = n;
    this.#pacer.ask();
  }

  #command(c: Command): void {
    const { outbox } = this.#sending;
    switch (c.do) {
      case "hello":
        this.#news.whole = true;
        void this.#adoptStrays();
        break;
      case "wake":
        this.#socket.wake();
        break;
      case "ping":
        this.#measure();
        break;
      case "follow":
        this.#following.follow(c.room, c.head);
        break;
      case "forget":
        this.#following.forget(c.room);
        this.#news.forgotten(c.room);
        break;
      case "read": {
        const room = this.#following.rooms.get(c.room);
        if (room?.readUpTo(c.seq)) this.#news.changed(room);
        break;
      }
      case "retry":
        outbox?.retry(c.key);
        break;
      case "discard":
        outbox?.discard(c.key);
        break;
      case "adopt":
        outbox?.adopt(c.message);
        break;
    }
  }

  // A tab that died may have kept a message and told nobody. One that was acked while it
  // was loaded is sent once more and answered as a duplicate.
  async #adoptStrays(): Promise<void> {
    const kept = await this.options.store.load().catch(() => []);
    if (this.#state === "open") for (const message of kept) this.#sending.outbox?.adopt(message);
  }

  #lineIs(state: SocketState): void {
    this.#line = state;
    if (state.status === "open") {
      this.#welcomed = { node: state.welcome.node, maxBody: state.welcome.max_body };
      this.options.world.soon(() => {
        this.#measure();
      });
    } else this.#following.interrupt();
    this.#pacer.ask();
  }

  #violated(violation: Violation): void {
    const { world } = this.options;
    const at = world.net.now();
    this.#violations = [...this.#violations, { ...violation, at }].slice(-MOST_VIOLATIONS);
    this.#news.violations = true;
    this.#pacer.ask();
    if (at - this.#reported < REPORT_MS) return;
    this.#reported = at;
    world.fetch("/api/v1/reports", { kind: "violation", ...violation }).catch(() => undefined);
  }

  #measure(): void {
    this.#socket.ping((ms) => {
      this.#roundTrip = ms;
      this.#pacer.ask();
    });
  }

  #measureAgain(): void {
    this.options.world.net.setTimeout(() => {
      if (this.#state !== "open") return;
      if (this.options.world.visible()) this.#measure();
      this.#measureAgain();
    }, MEASURE_MS);
  }

  #tell(): void {
    if (this.#state !== "open") return;
    const news = this.#news;
    this.#news = new News();
    const rooms: Record<string, RoomLive> = {};
    const told = news.whole ? this.#following.rooms.values() : news.rooms;
    for (const room of told) rooms[room.kept.room] = room.live;
    this.options.tell({
      type: "batch",
      leader: this.id,
      whole: news.whole,
      line: this.#shared(),
      ...this.#outbox(news.whole),
      ...((news.whole || news.violations) && { violations: this.#violations }),
      rooms,
      gone: [...news.gone],
      resets: [...news.resets],
      events: news.events,
      done: news.done,
    });
    // Only now: the next leader must not know of more than the tabs were told.
    for (const room of news.rooms) {
      if (!room.refused) this.#saver.add(room, news.events[room.kept.room] ?? []);
    }
  }

  // If it is another than was told.
  #outbox(whole: boolean): Pick<Batch, "outbox"> {
    const outbox = this.#sending.pending((room, seq) => this.#following.awaits(room, seq));
    const told = this.#told;
    if (!whole && outbox.length === told.length && outbox.every((m, i) => m === told[i])) return {};
    this.#told = outbox;
    return { outbox };
  }

  #shared(): Batch["line"] {
    const line = this.#line;
    return {
      status: line.status,
      ...(line.status === "ended" && { ended: line.why }),
      ...(line.status === "waiting" && { retryAt: line.until }),
      ...this.#welcomed,
      ...(this.#roundTrip !== undefined && { roundTrip: this.#roundTrip }),
      unkept: this.options.unkept(),
    };
  }
}
