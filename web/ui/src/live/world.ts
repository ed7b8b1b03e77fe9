import { browser, type Environment } from "../net/index.ts";

/** So long a disk may take for what is kept; then it goes on without. */
export const LOAD_MS = 3_000;

/** The part of Web Locks that is used. */
export interface Locks {
  request(
    name: string,
    options: { signal?: AbortSignal; steal?: boolean },
    held: () => Promise<void>,
  ): Promise<unknown>;
}

/** The part of a BroadcastChannel that is used. */
export interface Channel {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (e: { data: unknown }) => void): void;
  close(): void;
}

export interface Databases {
  factory: IDBFactory;
  range: Pick<typeof IDBKeyRange, "bound">;
}

/** What a page notices of itself: it may have been away; it goes, perhaps for ever; it is back from the cache. */
export type Sign = "wake" | "leave" | "return";

/**
 * What Live takes from the browser, so that tests can give their own. Over plain http on
 * a LAN there are no Web Locks, in old browsers no channels, in some private windows no
 * databases: all three may be missing.
 */
export interface World {
  net: Environment;
  url: string;
  locks: Locks | undefined;
  channel: ((name: string) => Channel) | undefined;
  databases: Databases | undefined;
  fetch(path: string, body?: object): Promise<{ status: number }>;
  visible(): boolean;
  /** Calls f at each sign of the page; the returned function ends that. */
  on(sign: Sign, f: () => void): () => void;
  /** Does f in a task of its own, without delay: timers of hidden pages come up to a minute late. */
  soon(f: () => void): void;
}

/** What the promise gives, or undefined when it takes too long. */
export function within<T>(ms: number, world: World, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = world.net.setTimeout(() => {
      resolve(undefined);
    }, ms);
    promise.then(resolve, reject).finally(() => {
      world.net.clearTimeout(timer);
    });
  });
}

/** The browser's. */
export function page(): World {
  const { protocol, host } = location;
  return {
    net: browser,
    url: `${protocol === "https:" ? "wss:" : "ws:"}//${host}/ws`,
    locks: "locks" in navigator ? navigator.locks : undefined,
    channel: "BroadcastChannel" in globalThis ? (name) => new BroadcastChannel(name) : undefined,
    databases: databases(),
    fetch: (path, body) =>
      fetch(path, {
        ...(body && {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(body),
        }),
      }),
    visible: () => document.visibilityState === "visible",
    on,
    soon,
  };
}

function databases(): Databases | undefined {
  try {
    return { factory: indexedDB, range: IDBKeyRange };
  } catch {
    return undefined; // a browser that forbids even to look
  }
}

function on(sign: Sign, f: () => void): () => void {
  const stop = new AbortController();
  const listen = (target: EventTarget, type: string, when: (e: Event) => boolean = () => true) => {
    target.addEventListener(
      type,
      (e) => {
        if (when(e)) f();
      },
      { signal: stop.signal },
    );
  };
  const persisted = (e: Event) => (e as PageTransitionEvent).persisted;
  if (sign === "leave") listen(window, "pagehide");
  else if (sign === "return") listen(window, "pageshow", persisted);
  else {
    listen(window, "online");
    listen(document, "visibilitychange", () => document.visibilityState === "visible");
  }
  return () => {
    stop.abort();
  };
}

function soon(f: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    f();
  };
  port2.postMessage(0);
}
