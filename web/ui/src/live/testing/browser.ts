import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { browser } from "../../net/index.ts";
import type { WebSocketLike } from "../../net/index.ts";
import { openLive } from "../index.ts";
import type { Live, LiveState, Sequenced } from "../live.ts";
import type { Channel, Locks, Sign, World } from "../world.ts";

type Open = (url: string, protocols: string[]) => WebSocketLike;

interface Holder {
  tab: FakeTab;
  steal: () => unknown;
}

/** One browser with tabs: its locks, channels and databases, and what becomes of them when a tab dies. */
export class FakeBrowser {
  readonly tabs: FakeTab[] = [];
  factory: IDBFactory | undefined = new IDBFactory();
  /** Over plain http there are none. */
  secure = true;
  /** There are locks, and none is given. */
  forbidden = false;
  #holder: Holder | undefined;
  #queue: { tab: FakeTab; grant: () => void }[] = [];

  constructor(
    private readonly open: Open,
    readonly random = () => 0.5,
    readonly reports: object[] = [],
  ) {}

  tab(user = "u1"): FakeTab {
    const tab = new FakeTab(this, this.open, user);
    this.tabs.push(tab);
    return tab;
  }

  /** Delivers, later and in order, to all other tabs. */
  post(from: FakeTab, name: string, message: unknown): void {
    const data: unknown = structuredClone(message);
    for (const tab of this.tabs) {
      if (tab === from) continue;
      tab.later(() => {
        tab.deliver(name, data);
      }, 1);
    }
  }

  locks(tab: FakeTab): Locks {
    return {
      request: (_name, { signal, steal }, held) =>
        new Promise((resolve, reject) => {
          if (this.forbidden) {
            reject(new DOMException("forbidden", "SecurityError"));
            return;
          }
          const stolen = () => {
            reject(new DOMException("stolen", "AbortError"));
          };
          const grant = () => {
            // It hears of it after all that came before, and not while it hangs.
            const steal = () => tab.later(stolen, 0);
            const holder: Holder = { tab, steal };
            this.#holder = holder;
            const over = () => {
              if (this.#holder === holder) this.#release();
            };
            tab.later(() => void held().then(resolve, reject).finally(over), 0);
          };
          if (steal) {
            this.#holder?.steal();
            grant();
            return;
          }
          const waiting = { tab, grant };
          this.#queue.push(waiting);
          signal?.addEventListener("abort", () => {
            if (!this.#queue.includes(waiting)) return;
            this.#queue = this.#queue.filter((w) => w !== waiting);
            reject(new DOMException("withdrawn", "AbortError"));
          });
          if (!this.#holder) this.#release();
        }),
    };
  }

  /** The tab is gone, as if its process was killed. */
  died(tab: FakeTab): void {
    this.#queue = this.#queue.filter((w) => w.tab !== tab);
    if (this.#holder?.tab === tab) this.#release();
  }

  #release(): void {
    this.#holder = undefined;
    this.#queue.shift()?.grant();
  }
}

/** One tab, with all that its listener was told. */
export class FakeTab {
  readonly live: Live;
  dead = false;
  hangs = false;
  hidden = false;
  left = false;
  /** Its timers come a minute late, as in a page that is not looked at. */
  sleepyTimers = false;
  /** By room. */
  readonly seen = new Map<string, Sequenced[]>();
  readonly calls: string[] = [];
  readonly states: LiveState[] = [];
  readonly sockets: WebSocketLike[] = [];
  readonly errors: unknown[] = [];
  #listeners = new Map<string, (e: { data: unknown }) => void>();
  #signs = new Map<Sign, Set<() => void>>();
  #late: (() => void)[] = [];

  constructor(
    private readonly browser: FakeBrowser,
    private readonly open: Open,
    user: string,
  ) {
    this.live = openLive({
      user: { id: user, name: user },
      world: this.#world(),
      listener: {
        changed: (state) => {
          this.calls.push("changed");
          this.states.push(state);
        },
        events: (room, events) => {
          this.calls.push(`events ${room} ${events.map((e) => e.seq).join(" ")}`);
          this.seen.set(room, [...(this.seen.get(room) ?? []), ...events]);
        },
        reset: (room) => {
          this.calls.push(`reset ${room}`);
          this.seen.delete(room);
        },
      },
    });
  }

  get state(): LiveState {
    return this.live.state;
  }

  seqs(room: string): number[] {
    return (this.seen.get(room) ?? []).map((e) => e.seq);
  }

  bodies(room: string): string[] {
    return (this.seen.get(room) ?? []).flatMap((e) => (e.kind === "message.posted" ? [e.body] : []));
  }

  sign(sign: Sign): void {
    if (sign === "leave") this.left = true;
    for (const f of this.#signs.get(sign) ?? []) f();
  }

  /** Its process is gone from one moment to the other. */
  kill(): void {
    this.dead = true;
    this.browser.died(this);
    for (const socket of this.sockets) socket.close();
  }

  /** The system stops it, and lets it go on. */
  hang(): void {
    this.hangs = true;
  }
  thaw(): void {
    this.hangs = false;
    for (const f of this.#late.splice(0)) f();
  }

  later(f: () => void, ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#run(f);
    }, ms);
  }

  deliver(name: string, data: unknown): void {
    this.#listeners.get(name)?.({ data });
  }

  #run(f: () => void): void {
    if (this.dead) return;
    if (this.hangs) this.#late.push(f);
    else f();
  }

  #world(): World {
    const { browser: b } = this;
    return {
      net: {
        ...browser,
        random: b.random,
        setTimeout: (f, ms) => this.later(f, this.sleepyTimers ? ms + 60_000 : ms),
        openWebSocket: (...to) => this.#socket(...to),
        report: (err) => this.errors.push(err),
      },
      url: "ws://host/ws",
      locks: b.secure ? b.locks(this) : undefined,
      channel: (name) => this.#channel(name),
      databases: b.factory && { factory: b.factory, range: IDBKeyRange },
      fetch: (path, body) => {
        if (body) b.reports.push({ path, ...body });
        return Promise.resolve({ status: 200 });
      },
      visible: () => !this.hidden,
      on: (sign, f) => {
        const all = this.#signs.get(sign) ?? new Set();
        this.#signs.set(sign, all.add(f));
        return () => all.delete(f);
      },
      soon: (f) => this.later(f, 0),
    };
  }

  #channel(name: string): Channel {
    return {
      postMessage: (message) => {
        if (!this.dead) this.browser.post(this, name, message);
      },
      addEventListener: (_, listener) => this.#listeners.set(name, listener),
      close: () => this.#listeners.delete(name),
    };
  }

  #socket(url: string, protocols: string[]): WebSocketLike {
    const socket = this.open(url, protocols);
    this.sockets.push(socket);
    const wrapped: WebSocketLike = {
      send: (data) => {
        if (!this.dead) socket.send(data);
      },
      close: () => {
        socket.close();
      },
      addEventListener: (type: string, listener: (e: never) => void) => {
        (socket.addEventListener as (t: string, l: (e: never) => void) => void)(type, (e) => {
          this.#run(() => {
            listener(e);
          });
        });
      },
    };
    return wrapped;
  }
}
