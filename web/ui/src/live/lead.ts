import type { Store, User } from "../net/index.ts";
import type { Cache } from "./cache.ts";
import { Following } from "./following.ts";
import { Line } from "./line.ts";
import type { LiveState, Pending, RoomLive } from "./live.ts";
import { News } from "./news.ts";
import { Pacer } from "./pacer.ts";
import { Saver } from "./saver.ts";
import { Sending } from "./sending.ts";
import type { Batch, Command, Shared } from "./talk.ts";
import { LOAD_MS, within, type World } from "./world.ts";

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
  #line: Line;
  #following: Following;
  #sending: Sending;
  #told: readonly Pending[] = [];
  #toldViolations: LiveState["violations"];
  #saver: Saver;
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
    this.#sending = new Sending(before.outbox);
    this.#saver = new Saver(cache, world);
    this.#pacer = new Pacer(world, () => {
      this.#tell();
    });
    this.#toldViolations = before.violations;
    this.#line = new Line(me.id, world, before.violations, (status) => {
      if (status !== "open") this.#following.interrupt();
      this.#pacer.ask();
    });
    this.#following = new Following(me.id, this.#line.socket, {
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
    const { cache, store, world, before } = this.options;
    const loading = within(LOAD_MS, world, cache.load(world.locks !== undefined));
    const outbox = {
      line: this.#line.socket,
      store,
      changed: () => {
        this.#pacer.ask();
      },
      storeFailed: (err: unknown) => {
        this.options.failed(err);
      },
    };
    const acked = (room: string, seq: number) => {
      this.#following.follow(room, seq);
    };
    await this.#sending.open(world, outbox, acked);
    this.#following.load((await loading) ?? []);
    for (const { room, seq } of before.outbox) if (seq !== undefined) acked(room, seq);
    if (this.#state === "closed") {
      this.#sending.outbox?.close();
      return;
    }
    this.#state = "open";
    this.#line.start();
    this.#news.whole = true;
    this.#tell();
  }

  /** Ends it; what came is told and written. Again does nothing. */
  close(): Promise<void> {
    this.#tell();
    this.#state = "closed";
    this.#sending.outbox?.close();
    this.#line.socket.close();
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
        break;
      case "wake":
        this.#line.socket.wake();
        break;
      case "ping":
        this.#line.measure();
        break;
      case "follow":
        for (const [room, head] of c.rooms) this.#following.follow(room, head);
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
      line: { ...this.#line.told, unkept: this.options.unkept() },
      ...this.#outbox(news.whole),
      ...this.#violations(news.whole),
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

  #violations(whole: boolean): Pick<Batch, "violations"> {
    const { violations } = this.#line;
    if (!whole && violations === this.#toldViolations) return {};
    this.#toldViolations = violations;
    return { violations };
  }

  // If it is another than was told.
  #outbox(whole: boolean): Pick<Batch, "outbox"> {
    const outbox = this.#sending.pending((room, seq) => this.#following.awaits(room, seq));
    const told = this.#told;
    if (!whole && outbox.length === told.length && outbox.every((m, i) => m === told[i])) return {};
    this.#told = outbox;
    return { outbox };
  }
}
