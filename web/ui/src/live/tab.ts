import { IndexedDBStore, MemoryStore, type Message, newKeys, nextPosition } from "../net/index.ts";
import type { Store, User } from "../net/index.ts";
import { Cache } from "./cache.ts";
import { Election } from "./election.ts";
import { idle } from "./idle.ts";
import { Lead } from "./lead.ts";
import type { Live, LiveListener, LiveState, Sequenced } from "./live.ts";
import { within } from "./saver.ts";
import { after, type Batch, type Command, type Shared, type Talk } from "./talk.ts";
import { Telling } from "./telling.ts";
import type { Channel, World } from "./world.ts";

const SILENT_MS = 5_000; // who leads and does not answer a tab that is looked at for so long is replaced
const LATE_MS = 1_500; // after the time of its retry a hidden leader is woken
const SAVE_MS = 500;

interface Asked {
  n: number;
  at: number;
  command: Command;
}

/** One tab: it leads or follows, and shows the same either way. */
export class Tab implements Live {
  #name: string;
  #newKey: () => string;
  #id: string;
  #cache: Cache;
  #store: Store;
  #channel: Channel | undefined;
  #election: Election;
  #lead: Lead | undefined;
  #leader = ""; // whose batches are believed
  #stranger = ""; // whose were not
  #heard = 0; // when the leader was, or we woke up
  #life = 0; // how often it came or went
  #watching = false;
  #lateAt = 0;
  #shared: Shared = idle;
  #state: LiveState | undefined = idle;
  #unkept = false;
  #follows = new Map<string, number>(); // room and head
  #mine = new Map<string, { message: Message; n?: number }>(); // the leader does not know of them yet
  #asked: readonly Asked[] = []; // and not done, as far as is known
  #n = 0;
  #saving = new Map<number, () => void>();
  #telling: Telling;
  #signs: (() => void)[];
  #over = false;

  constructor(
    readonly user: User,
    listener: LiveListener,
    private readonly world: World,
  ) {
    this.#newKey = newKeys(world.net.now);
    this.#id = this.#newKey();
    this.#name = `confab.${user.id}`;
    this.#cache = new Cache(this.#name, world.databases, this.#failed);
    this.#store = world.databases
      ? new IndexedDBStore(`${this.#name}.outbox`, world.databases.factory)
      : new MemoryStore();
    this.#telling = new Telling(world, listener, () => this.state);
    const reign = () => this.#reign();
    // Without both, over plain http on a LAN, each tab leads itself: it has its own connection.
    this.#election = new Election(world.channel && world.locks, this.#name, reign, () => {
      void this.#abdicate();
      this.#ask({ do: "hello" });
    });
    this.#join();
    this.#signs = [
      world.on("wake", () => {
        this.#heard = world.net.now();
        this.#ask({ do: "wake" });
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
      leader: this.#lead !== undefined,
      unkept: this.#shared.unkept || this.#unkept,
      outbox: this.#outbox(),
    });
  }

  #outbox(): LiveState["outbox"] {
    const { outbox } = this.#shared;
    const unknown = [...this.#mine.values()].filter(
      ({ message: { key } }) => !outbox.some((m) => m.key === key),
    );
    if (unknown.length === 0) return outbox;
    return [...outbox, ...unknown.map(({ message }) => message)].sort((a, b) => a.position - b.position);
  }

  follow(room: string, head: number): void {
    this.#follows.delete(room); // and last again
    this.#follows.set(room, head);
    this.#ask({ do: "follow", room, head });
  }

  forget(room: string): void {
    this.#follows.delete(room);
    this.#ask({ do: "forget", room });
  }

  async kept(room: string): Promise<readonly Sequenced[]> {
    if (this.#lead) await this.#lead.save();
    else if (this.#channel) {
      const n = ++this.#n;
      const saved = new Promise<void>((resolve) => this.#saving.set(n, resolve));
      this.#say({ type: "save", from: this.#id, n });
      await within(SAVE_MS, this.world, saved);
      this.#saving.delete(n);
    }
    return this.#cache.events(room);
  }

  send(room: string, body: string): void {
    const now = this.world.net.now();
    const position = nextPosition(Math.max(0, ...this.state.outbox.map((m) => m.position)), now);
    const message = { key: this.#newKey(), room, body, position, written: now };
    this.#mine.set(message.key, { message });
    this.#changed();
    // Kept first: whoever leads next finds it, whatever happens to this tab and the leader.
    void this.#store
      .put(message)
      .catch(this.#failed)
      .then(() => {
        this.#handOver(message);
      });
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
    this.#say({ type: "erased" });
    this.#telling.end();
    this.#end(true);
    await this.#cache.clear();
    this.#cache.close();
  }

  #end(erased: boolean): void {
    if (this.#over) return;
    this.#over = true;
    for (const stop of this.#signs) stop();
    if (erased) this.#lead?.abandon();
    void this.#leave();
  }

  #join(): void {
    this.#life++;
    this.#channel = this.world.locks && this.world.channel?.(this.#name);
    this.#channel?.addEventListener("message", ({ data }) => {
      this.#hear(data as Talk);
    });
    this.#election.stand();
    this.#ask({ do: "hello" });
  }

  // What only this tab knows is said before it goes.
  async #leave(): Promise<void> {
    for (const { message } of [...this.#mine.values()]) this.#handOver(message);
    this.#election.withdraw();
    const ended = this.#abdicate();
    this.#channel?.close();
    this.#channel = undefined;
    const life = ++this.#life;
    await ended;
    if (life === this.#life) this.#cache.close(); // it has not come back meanwhile
  }

  async #reign(): Promise<void> {
    const lead = new Lead(this.#newKey(), {
      me: this.user,
      world: this.world,
      cache: this.#cache,
      store: this.#store,
      before: this.#shared,
      tell: (batch) => {
        this.#say(batch);
        this.#learn(batch);
      },
      failed: this.#failed,
      unkept: () => this.#unkept,
    });
    this.#lead = lead;
    this.#changed();
    await lead.open();
    await lead.ended;
  }

  async #abdicate(): Promise<void> {
    const lead = this.#lead;
    this.#lead = undefined;
    this.#changed();
    await lead?.close();
  }

  #handOver(message: Message): void {
    const mine = this.#mine.get(message.key);
    if (mine && mine.n === undefined) mine.n = this.#ask({ do: "adopt", message });
  }

  #ask(command: Command): number {
    const n = ++this.#n;
    this.#asked = [...this.#asked, { n, at: this.world.net.now(), command }];
    this.#put(n, command);
    this.#watch();
    return n;
  }

  #put(n: number, command: Command): void {
    if (this.#lead) this.#lead.do(this.#id, n, command);
    else this.#say({ type: "do", from: this.#id, n, command });
  }

  #say(talk: Talk): void {
    this.#channel?.postMessage(talk);
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

  #hear(talk: Talk): void {
    switch (talk.type) {
      case "batch":
        if (!this.#lead) this.#learn(talk);
        break;
      case "do":
        this.#lead?.do(talk.from, talk.n, talk.command);
        break;
      case "save":
        void this.#lead?.save().then(() => {
          this.#say({ type: "saved", to: talk.from, n: talk.n });
        });
        break;
      case "saved":
        if (talk.to === this.#id) this.#saving.get(talk.n)?.();
        break;
      case "erased":
        this.#shared = { ...this.#shared, status: "ended", ended: "session ended" };
        this.#changed();
        this.#end(true);
        break;
    }
  }

  #learn(batch: Batch): void {
    const came = batch.leader !== this.#leader;
    if (came && !batch.whole) {
      // We missed its first: on the way into this page's life, or while it was away.
      if (this.#stranger !== batch.leader) this.#ask({ do: "hello" });
      this.#stranger = batch.leader;
      return;
    }
    this.#leader = batch.leader;
    this.#heard = this.world.net.now();
    const again = came ? this.#asked : [];
    const done = came ? 0 : (batch.done[this.#id] ?? 0);
    this.#asked = came ? [] : this.#asked.filter(({ n }) => n > done);
    for (const [key, { n }] of this.#mine) if (n !== undefined && n <= done) this.#mine.delete(key);
    this.#shared = after(this.#shared, batch);
    this.#telling.batch(batch);
    this.#changed();
    if (came) this.#introduce(again);
    this.#wakeLate();
  }

  // What the last leader may not have done, under new numbers: the new one may have heard
  // some already, and would take the older for done.
  #introduce(again: readonly Asked[]): void {
    for (const { command } of again) {
      if (command.do === "hello" || command.do === "wake" || command.do === "follow") continue;
      const n = this.#ask(command);
      const mine = command.do === "adopt" && this.#mine.get(command.message.key);
      if (mine) mine.n = n;
    }
    for (const [room, head] of this.#follows) this.#ask({ do: "follow", room, head });
  }

  // A leader that hangs (a phone stops the tabs that are not looked at) holds the lock all the same.
  #watch(): void {
    if (this.#watching || !this.#channel) return;
    this.#watching = true;
    this.world.net.setTimeout(() => {
      this.#watching = false;
      const [oldest] = this.#asked;
      if (!oldest || this.#lead || this.#over) return;
      const { now } = this.world.net;
      if (now() - Math.max(oldest.at, this.#heard) >= SILENT_MS && this.world.visible()) {
        this.#heard = now();
        this.#election.stand(true);
      }
      this.#watch();
    }, SILENT_MS);
  }

  // The timers of a leader that is not looked at come late; what it hears does not.
  #wakeLate(): void {
    const { status, retryAt } = this.#shared;
    if (this.#lead || status !== "waiting" || retryAt === undefined || retryAt === this.#lateAt) return;
    this.#lateAt = retryAt;
    const { now, setTimeout } = this.world.net;
    setTimeout(
      () => {
        const late = this.#shared.retryAt === retryAt && !this.#lead && !this.#over;
        if (late && this.world.visible()) this.#ask({ do: "wake" });
      },
      Math.max(0, retryAt - now()) + LATE_MS,
    );
  }
}
