import { Backoff } from "./backoff.ts";
import { type Answer, Connection } from "./connection.ts";
import { browser, type Environment, guarded, MOST_MS, type Timer } from "./environment.ts";
import type { ServerFrame, Welcome } from "./frames.ts";
import { type Ended, FINAL, type SocketOptions, type SocketState } from "./options.ts";
import { type Cursor, type Follower, guardedFollower, type Requests } from "./subscription.ts";
import { Subscription } from "./subscription.ts";

const SETTLED_MS = 10_000; // a connection that held so long begins anew with waiting
const WAKE_MS = 1_000; // all clients of a building wake at once when its network is back

/**
 * A connection to the server that comes back whenever it is lost, and resumes the
 * rooms that it follows. It does nothing before start() and nothing after close(), or
 * after the server ended it for good.
 */
export class Socket {
  readonly environment: Environment;
  #state: SocketState = { status: "connecting" };
  #connection: Connection | undefined;
  #subscriptions = new Map<string, Subscription>();
  #openListeners = new Set<() => void>();
  #nextID = 1;
  #backoff: Backoff;
  #rest = { until: 0, ms: 0 }; // asked for by goodbye
  #retry: { timer: Timer; at: number } | undefined;

  constructor(private readonly options: SocketOptions) {
    this.environment = { ...browser, ...options.environment };
    this.#backoff = new Backoff(this.environment.random);
  }

  get state(): SocketState {
    return this.#state;
  }

  /** Begins to connect. Starting again does nothing. */
  start(): void {
    if (!this.#connection && !this.#retry && !this.#over) this.#connect();
  }

  /** Ends the socket for good: its subscriptions fall silent, posts are not answered. */
  close(): void {
    this.#end("closed");
  }

  /**
   * There is reason to look at the line now: the app calls it on `online`, `pageshow`, and
   * when `visibilitychange` shows the page. A line is probed, a wait cut short, but never
   * to less than the server asked for.
   */
  wake(): void {
    this.#connection?.watch();
    this.ping(() => undefined);
    if (!this.#retry) return;
    // Timers of hidden pages come late, up to a minute.
    if (this.#retry.at <= this.environment.now()) this.#connect();
    else this.#retryIn(this.environment.random() * WAKE_MS);
  }

  /** Measures the round trip, unless there is no line or it is lost; a dead one is dropped. */
  ping(measured: (ms: number) => void): void {
    this.#connection?.ping(this.#requests.id(), guarded(this.environment, measured));
  }

  /** Begins to follow a room. A socket has one subscription to a room at a time. */
  subscribe(room: string, from: Cursor | "live", follower: Follower): Subscription {
    if (this.#subscriptions.has(room)) throw new Error(`room ${room} is followed already`);
    const healing = new Backoff(this.environment.random);
    const told = guardedFollower(this.environment, follower);
    const subscription = new Subscription(room, from, told, this.#requests, healing);
    this.#subscriptions.set(room, subscription);
    subscription.request();
    return subscription;
  }

  /**
   * Sends a message once, on the connection that there is; false when there is none. The
   * answer does not come if that is lost: post again, with the same key.
   */
  post(message: { room: string; key: string; body: string }, answer: Answer): boolean {
    const welcome = this.#connection?.welcome;
    if (!welcome) return false;
    if (new TextEncoder().encode(message.body).length > welcome.max_body) {
      // A frame far too large would end the connection with 4009, and again after a reload.
      answer({
        type: "error",
        code: "too_large",
        message: `a message has at most ${welcome.max_body} bytes`,
      });
      return true;
    }
    const { room, key, body } = message;
    this.#connection?.ask({ type: "send", id: this.#requests.id(), room, key, body }, (reply) => {
      if (reply.type !== "pong") answer(reply);
    });
    return true;
  }

  /** Calls f each time a connection stands. The returned function ends that. */
  onOpen(f: () => void): () => void {
    const listener = guarded(this.environment, f);
    this.#openListeners.add(listener);
    return () => this.#openListeners.delete(listener);
  }

  #requests: Requests = {
    id: () => String(this.#nextID++),
    write: (frame) => this.#connection?.write(frame),
    later: (ms, f) => this.#connection?.later(ms, f),
    violated: (violation) => {
      guarded(this.environment, () => this.options.violated?.(violation))();
    },
    forget: (subscription) => this.#subscriptions.delete(subscription.room),
  };

  get #over(): boolean {
    return this.#state.status === "ended";
  }

  #become(state: SocketState): void {
    this.#state = state;
    guarded(this.environment, () => this.options.state?.(state))();
  }

  #connect(): void {
    this.environment.clearTimeout(this.#retry?.timer);
    this.#retry = undefined;
    const { url, token } = this.options;
    const protocols = token === undefined ? ["confab.v1"] : ["confab.v1", `confab.bearer.${token}`];
    const connection = new Connection(this.environment, url, protocols, {
      heard: (frame) => {
        this.#handle(connection, frame);
      },
      lost: (code) => {
        this.#lost(connection, code);
      },
    });
    this.#connection = connection;
    this.#become({ status: "connecting" });
  }

  #lost(connection: Connection, code: number): void {
    this.#connection = undefined;
    for (const subscription of this.#subscriptions.values()) subscription.interrupt();
    const final = FINAL[code];
    if (final) {
      this.#end(final);
      return;
    }
    this.#retryIn(this.#backoff.next());
    if (!connection.welcome) void this.#askForSession();
  }

  async #askForSession(): Promise<void> {
    const ended = (await this.options.sessionEnded?.().catch(() => false)) ?? false;
    if (ended && this.#state.status === "waiting") this.#end("session ended");
  }

  #retryIn(wait: number): void {
    if (this.#over) return;
    const now = this.environment.now();
    const { until, ms } = this.#rest;
    const rest = Math.min(until - now, ms); // the clock may have been set back meanwhile
    const at = now + Math.min(Math.max(wait, rest), MOST_MS);
    if (this.#retry) {
      if (this.#retry.at <= at) return; // it comes sooner already
      this.environment.clearTimeout(this.#retry.timer);
    }
    const timer = this.environment.setTimeout(() => {
      this.#connect();
    }, at - now);
    this.#retry = { timer, at };
    this.#become({ status: "waiting", until: at });
  }

  #end(why: Ended): void {
    if (this.#over) return;
    this.environment.clearTimeout(this.#retry?.timer);
    this.#retry = undefined;
    this.#become({ status: "ended", why });
    this.#connection?.drop();
  }

  #handle(connection: Connection, f: ServerFrame): void {
    switch (f.type) {
      case "welcome":
        this.#welcomed(connection, f);
        break;
      case "subscribed":
        this.#subscriptions.get(f.room)?.subscribed(f);
        break;
      case "event":
        this.#subscriptions.get(f.room)?.event(f.seq, f.event);
        break;
      case "caught_up":
        this.#subscriptions.get(f.room)?.caughtUp(f.seq);
        break;
      case "reset":
        this.#subscriptions.get(f.room)?.reset(f);
        break;
      case "heartbeat":
        for (const [room, head] of Object.entries(f.heads)) this.#subscriptions.get(room)?.compare(head);
        break;
      case "ack":
      case "pong":
        connection.answered(f.id, f);
        break;
      case "error":
        if (f.id === undefined || connection.answered(f.id, f)) break;
        [...this.#subscriptions.values()].some((s) => s.failed(f));
        break;
      case "goodbye":
        this.#rest = { until: this.environment.now() + f.retry_after_ms, ms: f.retry_after_ms };
        break;
      case "unsubscribed":
      case "unknown":
        break;
    }
  }

  #welcomed(connection: Connection, welcome: Welcome): void {
    if (this.options.user !== undefined && welcome.user.id !== this.options.user) {
      this.#end("other user");
      return;
    }
    connection.welcome = welcome;
    this.#rest = { until: 0, ms: 0 };
    connection.watch();
    connection.later(SETTLED_MS, () => {
      this.#backoff.reset();
    });
    this.#become({ status: "open", welcome });
    for (const subscription of [...this.#subscriptions.values()]) subscription.request();
    for (const f of [...this.#openListeners]) f();
  }
}
