import { Socket, type SocketState, type Timer, type Violation } from "../net/index.ts";
import { idle } from "./idle.ts";
import type { LiveState } from "./live.ts";
import type { World } from "./world.ts";

const MOST_VIOLATIONS = 100;
const REPORT_MS = 1_000;
const MEASURE_MS = 60_000;

/** The leader's connection, and what there is to tell of it. */
export class Line {
  readonly socket: Socket;
  #state: SocketState = { status: "connecting" };
  #welcomed: Pick<LiveState, "node" | "maxBody"> = { maxBody: idle.maxBody };
  #roundTrip: number | undefined;
  #reported = -Infinity;
  #measuring: Timer | undefined;

  constructor(
    user: string,
    private readonly world: World,
    public violations: LiveState["violations"],
    private readonly changed: (status: SocketState["status"]) => void,
  ) {
    this.socket = new Socket({
      url: world.url,
      user,
      environment: world.net,
      state: (state) => {
        this.#become(state);
      },
      violated: (violation) => {
        this.#violated(violation);
      },
      sessionEnded: async () => (await world.fetch("/api/v1/me")).status === 401,
    });
  }

  start(): void {
    this.socket.start();
    this.#measureAgain();
  }

  get told(): Omit<LiveState, "leader" | "rooms" | "outbox" | "violations" | "unkept"> {
    const state = this.#state;
    return {
      status: state.status,
      ...(state.status === "ended" && { ended: state.why }),
      ...(state.status === "waiting" && { retryAt: state.until }),
      ...this.#welcomed,
      ...(this.#roundTrip !== undefined && { roundTrip: this.#roundTrip }),
    };
  }

  measure(): void {
    this.socket.ping((ms) => {
      this.#roundTrip = ms;
      this.changed(this.#state.status);
    });
  }

  #become(state: SocketState): void {
    this.#state = state;
    if (state.status === "ended") this.world.net.clearTimeout(this.#measuring);
    if (state.status === "open") {
      this.#welcomed = { node: state.welcome.node, maxBody: state.welcome.max_body };
      this.world.soon(() => {
        this.measure();
      });
    }
    this.changed(state.status);
  }

  // It heals by itself; somebody should know that it was needed.
  #violated(violation: Violation): void {
    const at = this.world.net.now();
    this.violations = [...this.violations, { ...violation, at }].slice(-MOST_VIOLATIONS);
    this.changed(this.#state.status);
    if (at - this.#reported < REPORT_MS) return;
    this.#reported = at;
    this.world.fetch("/api/v1/reports", { kind: "violation", ...violation }).catch(() => undefined);
  }

  #measureAgain(): void {
    this.#measuring = this.world.net.setTimeout(() => {
      if (this.world.visible()) this.measure();
      this.#measureAgain();
    }, MEASURE_MS);
  }
}
