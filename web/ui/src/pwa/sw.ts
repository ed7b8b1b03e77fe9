// The service worker: lets the app open without the network, and shows notifications where
// pages may not. Each version has a cache of its own, filled once with all of its files, so
// that files of two versions are never mixed. A newer version is looked for by the browser
// itself whenever the app is opened; it waits until the reader says so or all tabs are closed.

interface Lasting extends Event {
  waitUntil(until: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Clicked extends Lasting {
  readonly notification: Notification;
}
interface Page {
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}
// The compiler has one library for this and the app: what a worker has besides is told here.
interface Scope {
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: { type: "window"; includeUncontrolled: true }): Promise<Page[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", f: (e: Lasting) => void): void;
  addEventListener(type: "fetch", f: (e: Fetching) => void): void;
  addEventListener(type: "notificationclick", f: (e: Clicked) => void): void;
  addEventListener(type: "message", f: (e: Lasting & MessageEvent) => void): void;
}
const scope = self as unknown as Scope;

/** Put in by vite.worker.ts: the paths, and for those without a hash in their name what they have to be. */
declare const __BUILD__: { version: string; files: Record<string, string> };

const { version, files } = __BUILD__;
const PREFIX = "confab-";
const NAME = PREFIX + version;

scope.addEventListener("install", (e) => {
  e.waitUntil(fill());
});
scope.addEventListener("activate", (e) => {
  e.waitUntil(Promise.all([removeOld(), scope.clients.claim()]));
});
scope.addEventListener("message", (e) => {
  if (e.data === "activate") e.waitUntil(scope.skipWaiting());
  if (e.data === "claim") e.waitUntil(scope.clients.claim());
});
scope.addEventListener("fetch", (e) => {
  const path = pathOf(e.request);
  if (path !== undefined) e.respondWith(kept(path, e.request));
});
scope.addEventListener("notificationclick", (e) => {
  e.notification.close();
  e.waitUntil(open(e.notification.data));
});

/**
 * Fails as a whole when a file is not of this version: while servers are replaced one after
 * another, an old one may answer. The browser tries again later.
 */
async function fill(): Promise<void> {
  const cache = await caches.open(NAME);
  await cache.addAll(
    Object.entries(files).map(([path, integrity]) =>
      integrity ? new Request(path, { cache: "no-cache", integrity }) : new Request(path),
    ),
  );
}

async function removeOld(): Promise<void> {
  for (const name of await caches.keys())
    if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name);
}

/** The path under which the answer is kept; undefined when it is for the server to answer. */
function pathOf(request: Request): string | undefined {
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return undefined;
  if (request.mode === "navigate") return /^\/(?:$|account$|rooms\/)/.test(pathname) ? "/" : undefined;
  return pathname !== "/" && pathname in files ? pathname : undefined;
}

async function kept(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  return (await cache.match(path)) ?? fetch(request); // the browser may have thrown it away
}

async function open(url: unknown): Promise<void> {
  if (typeof url !== "string" || !url.startsWith("/rooms/")) return;
  const [page] = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!page) {
    await scope.clients.openWindow(url);
    return;
  }
  page.postMessage({ open: url });
  await page.focus();
}

export {}; // a module to the compiler; nothing is left of it in what is built
