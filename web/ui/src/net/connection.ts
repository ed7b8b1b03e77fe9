import { type Environment, MOST_MS, type Timer, type WebSocketLike } from "./environment.ts";
import {
  type Ack,
  type ClientFrame,
  decode,
  encode,
  type ErrorFrame,
  type Pong,
  type ServerFrame,
  Unreadable,
  type Welcome,
} from "./frames.ts";

const CONNECT_MS = 15_000; // for the handshake and the welcome
const PROBE_MS = 5_000; // for any frame after a ping

export type Answer = (answer: Ack | ErrorFrame) => void;
type Reply = (reply: Ack | ErrorFrame | Pong) => void;

/** What a connection tells its owner: nothing any more after lost. */
export interface ConnectionEvents {
  heard(frame: ServerFrame): void;
  /** Once, with the close code; 1006 when the line was cut or given up. */
  lost(code: number): void;
}

/** One WebSocket, from the handshake to its loss. */
export class Connection {
  /** Set when it came: the connection can be used. */
  welcome: Welcome | undefined;
  #ws: WebSocketLike;
  #heard: number; // when the last frame came
  #silence: Timer | undefined;
  #timers = new Set<Timer>();
  #frames = 0; // that came
  #answers = new Map<string, Reply>();
  #lost = false;

  constructor(
    private readonly environment: Environment,
    url: string,
    protocols: string[],
    private readonly events: ConnectionEvents,
  ) {
    this.#heard = environment.now();
    this.#ws = environment.openWebSocket(url, protocols);
    this.#ws.addEventListener("message", ({ data }) => {
      this.#hear(data);
    });
    this.#ws.addEventListener("close", ({ code }) => {
      this.#lose(code);
    });
    // Browsers let close follow; Node 20 and its undici do not when the handshake failed.
    this.#ws.addEventListener("error", () => {
      if (!this.welcome) this.drop();
    });
    this.watch();
  }

  /** Sends a frame, if the connection was welcomed. */
  write(frame: ClientFrame): void {
    if (this.welcome && !this.#lost) this.#ws.send(encode(frame));
  }

  /** Sends a frame of which the answer is waited for; it never comes if the connection is lost. */
  ask(frame: ClientFrame, answer: Reply): void {
    this.#answers.set(frame.id, answer);
    this.write(frame);
  }

  /** Gives the frame to who asked, if anybody did. */
  answered(id: string, frame: Ack | ErrorFrame | Pong): boolean {
    const answer = this.#answers.get(id);
    this.#answers.delete(id);
    answer?.(frame);
    return answer !== undefined;
  }

  /** Does f later, unless the connection is lost before. */
  later(ms: number, f: () => void): void {
    if (this.#lost) return;
    const timer = this.environment.setTimeout(
      () => {
        this.#timers.delete(timer);
        f();
      },
      Math.min(ms, MOST_MS),
    );
    this.#timers.add(timer);
  }

  /**
   * Drops the line if it is dead, which the browser often does not notice: behind a proxy
   * that forgot us, after sleep. Two heartbeats without any frame are the sign. It goes on
   * by itself; after the welcome, and after sleep, it is to be called again.
   */
  watch(): void {
    if (this.#lost) return;
    this.environment.clearTimeout(this.#silence);
    const limit = this.welcome ? Math.max(1_000, 2 * this.welcome.ping_ms) : CONNECT_MS;
    const left = this.#heard + limit - this.environment.now();
    if (left <= 0) {
      this.drop();
      return;
    }
    this.#silence = this.environment.setTimeout(
      () => {
        this.watch();
      },
      Math.min(left, MOST_MS),
    );
  }

  /**
   * Measures the round trip; a line on which nothing comes is dropped. An older server
   * answers with an error, which takes as long.
   */
  ping(id: string, measured: (ms: number) => void): void {
    if (!this.welcome || this.#lost) return;
    const sent = this.environment.now();
    const before = this.#frames;
    this.ask({ type: "ping", id }, () => {
      measured(this.environment.now() - sent);
    });
    this.later(PROBE_MS, () => {
      if (this.#frames === before) this.drop();
    });
  }

  /** Gives the connection up. */
  drop(): void {
    // On a dead line the closing handshake takes a minute; nobody waits for it.
    this.#lose(1006);
    this.#ws.close();
  }

  #lose(code: number): void {
    if (this.#lost) return;
    this.#lost = true;
    this.environment.clearTimeout(this.#silence);
    for (const timer of this.#timers) this.environment.clearTimeout(timer);
    this.events.lost(code);
  }

  #hear(data: unknown): void {
    if (this.#lost) return;
    this.#heard = this.environment.now();
    this.#frames++;
    let frame: ServerFrame;
    try {
      frame = decode(data);
    } catch (err) {
      if (!(err instanceof Unreadable)) throw err;
      this.drop(); // what it said may matter: resume
      return;
    }
    this.events.heard(frame);
  }
}
