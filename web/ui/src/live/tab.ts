import { IndexedDBStore, MemoryStore, newKeys, nextPosition } from "../net/index.ts";
import type { Store, User } from "../net/index.ts";
import { Cache } from "./cache.ts";
import { idle } from "./idle.ts";
import { Lead } from "./lead.ts";
import type { Live, LiveListener, LiveState, Sequenced } from "./live.ts";
import { Member } from "./member.ts";
import { Mine } from "./mine.ts";
import { after, type Batch, type Command, type Shared } from "./talk.ts";
import { Telling } from "./telling.ts";
import { LOAD_MS, within, type World } from "./world.ts";

/** One tab: it leads or follows, and shows the same either way. */
export class Tab implements Live {
  #newKey: () => string;
  #cache: Cache;
  #store: Store;
  #member: Member;
  #mine: Mine;
  #telling: Telling;
  #shared: Shared = idle;
  #state: LiveState | undefined = idle;
  #unkept = false;
  #follows = new Map<string, number>(); // room and head, in the order of asking
  #signs: (() => void)[];
  #life = 0; // how often it came or went
  #over = false;

  constructor(
    readonly user: User,
    listener: LiveListener,
    private readonly world: World,
  ) {
    const name = `confab.${user.id}`;
    this.#newKey = newKeys(world.net.now);
    this.#cache = new Cache(name, world.databases, this.#failed);
    this.#store = world.databases
      ? new IndexedDBStore(`${name}.outbox`, world.databases.factory)
      : new MemoryStore();
    this.#telling = new Telling(world, listener, () => this.state);
    this.#member = new Member({
      name,
      world,
      newKey: this.#newKey,
      newLead: (id, tell) => this.#newLead(id, tell),
      changed: () => {
        this.#changed();
      },
      learned: (batch, done) => {
        this.#shared = after(this.#shared, batch);
        if (done !== undefined) this.#mine.done(done, this.#shared.outbox);
        this.#telling.batch(batch);
        this.#changed();
        // Another tab has forgotten them, this one has not.
        const rooms = [...this.#follows].filter(([room]) => batch.gone.includes(room));
        if (rooms.length > 0) this.#ask({ do: "follow", rooms });
      },
      came: (again) => {
        this.#askAgain(again);
      },
      erased: () => {
        this.#end(true);
        this.#shared = { ...this.#shared, status: "ended", ended: "session ended" };
        this.#changed();
      },
    });
    const { asks } = this.#member;
    this.#mine = new Mine(
      world.databases && this.#store,
      (message) => asks.ask({ do: "adopt", message }),
      this.#failed,
    );
    this.#join();
    this.#signs = [
      world.on("wake", () => {
        asks.heard(); // the leader could not have been
        asks.ask({ do: "wake" });
      }),
      // A page that holds a lock or a connection is not let into the back/forward cache.
      world.on("leave", () => void this.#leave()),
      world.on("return", () => {
        this.#join();
      }),
    ];
  }

  get state(): LiveState {
    return (this.#state ??= {
      ...this.#shared,
      leader: this.#member.lead !== undefined,
      unkept: this.#shared.unkept || this.#unkept,
      outbox: this.#mine.with(this.#shared.outbox),
    });
  }

  follow(room: string, head: number): void {
    this.#follows.delete(room); // and last again
    this.#follows.set(room, head);
    this.#ask({ do: "follow", rooms: [[room, head]] });
  }

  forget(room: string): void {
    this.#follows.delete(room);
    this.#ask({ do: "forget", room });
  }

  async kept(room: string): Promise<readonly Sequenced[]> {
    await this.#member.saved();
    return (await within(LOAD_MS, this.world, this.#cache.events(room))) ?? [];
  }

  send(room: string, body: string): void {
    const now = this.world.net.now();
    const position = nextPosition(Math.max(0, ...this.state.outbox.map((m) => m.position)), now);
    this.#mine.add({ key: this.#newKey(), room, body, position, written: now });
    this.#changed();
  }

  retry(key: string): void {
    this.#ask({ do: "retry", key });
  }

  discard(key: string): void {
    this.#ask({ do: "discard", key });
  }

  read(room: string, seq: number): void {
    if (seq > (this.#shared.rooms[room]?.read ?? -1)) this.#ask({ do: "read", room, seq });
  }

  ping(): void {
    this.#ask({ do: "ping" });
  }

  close(): void {
    this.#telling.end();
    this.#end(false);
  }

  async erase(): Promise<void> {
    this.#member.sayErased();
    this.#telling.end();
    this.#end(true);
    await within(LOAD_MS, this.world, this.#cache.clear());
    this.#cache.close();
  }

  #ask(command: Command): void {
    if (!this.#over) this.#member.asks.ask(command);
  }

  #askAgain(again: readonly Command[]): void {
    const { asks } = this.#member;
    this.#mine.again();
    const done: Command["do"][] = ["hello", "wake", "adopt", "follow"]; // by coming, above, and below
    for (const command of again) if (!done.includes(command.do)) asks.ask(command);
    if (this.#follows.size > 0) asks.ask({ do: "follow", rooms: [...this.#follows] });
  }

  #join(): void {
    this.#life++;
    this.#member.join();
  }

  async #leave(): Promise<void> {
    const life = ++this.#life;
    await this.#member.leave();
    if (life === this.#life) this.#cache.close(); // it has not come back meanwhile
  }

  #end(erased: boolean): void {
    if (this.#over) return;
    this.#over = true;
    for (const stop of this.#signs) stop();
    this.#member.asks.end();
    if (erased) this.#member.lead?.abandon();
    void this.#leave();
  }

  #newLead(id: string, tell: (batch: Batch) => void): Lead {
    return new Lead(id, {
      me: this.user,
      world: this.world,
      cache: this.#cache,
      store: this.#store,
      before: this.#shared,
      tell,
      failed: this.#failed,
      unkept: () => this.#unkept,
    });
  }

  #changed(): void {
    this.#state = undefined;
    this.#telling.changed();
  }

  #failed = (err: unknown): void => {
    if (!this.#unkept) this.world.net.report(err);
    this.#unkept = true;
    this.#changed();
  };
}
