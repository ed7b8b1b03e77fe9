/** The part of the browser's WebSocket that is used; `ws` on Node has it, too. */
export interface WebSocketLike {
  send(data: string): void;
  close(): void;
  addEventListener(type: "message", listener: (e: { data: unknown }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
  addEventListener(type: "close", listener: (e: { code: number; reason: string }) => void): void;
}

/** The longest that a timer can wait; with more it fires at once. */
export const MOST_MS = 2 ** 31 - 1;

export type Timer = ReturnType<typeof globalThis.setTimeout>;

/** What the module takes from the world around it, so that tests can give their own. */
export interface Environment {
  openWebSocket: (url: string, protocols: string[]) => WebSocketLike;
  /** Milliseconds, by the wall clock: it goes on while a laptop sleeps. */
  now: () => number;
  setTimeout: (f: () => void, ms: number) => Timer;
  clearTimeout: (timer: Timer | undefined) => void;
  /** From 0 up to 1, without it. */
  random: () => number;
  /** Told what a callback threw; the module goes on. */
  report: (err: unknown) => void;
}

/** The callback, which must not break what calls it. */
export function guarded<A extends unknown[], R>(
  environment: Environment,
  f: (...args: A) => R,
): (...args: A) => R | undefined {
  return (...args) => {
    try {
      return f(...args);
    } catch (err) {
      environment.report(err);
      return undefined;
    }
  };
}

/** Browsers, and Node from 22 on; before, give an `openWebSocket`. */
export const browser: Environment = {
  openWebSocket: (url, protocols) => new WebSocket(url, protocols),
  now: () => Date.now(),
  setTimeout: (f, ms) => setTimeout(f, ms),
  clearTimeout: (timer) => {
    clearTimeout(timer);
  },
  random: () => Math.random(),
  report: (err) => {
    console.error(err);
  },
};
