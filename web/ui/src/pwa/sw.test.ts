import { beforeAll, beforeEach, expect, test, vi } from "vitest";

// The worker in a scope of its own: what it registers is kept here and called.
const origin = "https://confab.example";
const handlers = new Map<string, (e: unknown) => void>();
const cached = new Map<string, Map<string, string>>();
const asked: { path: string; integrity: string; cache: string }[] = [];
let pages: { focus: () => Promise<void>; postMessage: (m: unknown) => void }[] = [];
const openWindow = vi.fn(() => Promise.resolve());
const skipWaiting = vi.fn(() => Promise.resolve());

class FakeRequest {
  readonly url: string;
  readonly method: string;
  readonly mode: string;
  constructor(
    path: string,
    readonly init: { integrity?: string; cache?: string; method?: string; mode?: string } = {},
  ) {
    this.url = new URL(path, origin).href;
    this.method = init.method ?? "GET";
    this.mode = init.mode ?? "no-cors";
  }
}

beforeAll(async () => {
  vi.stubGlobal("__BUILD__", {
    version: "v2",
    files: { "/": "sha256-shell", "/assets/a-1.js": "", "/logo.svg": "sha256-logo" },
  });
  vi.stubGlobal("location", { origin });
  vi.stubGlobal("Request", FakeRequest);
  vi.stubGlobal("fetch", () => Promise.resolve("network"));
  vi.stubGlobal("caches", {
    open: (name: string) => {
      const cache = cached.get(name) ?? new Map<string, string>();
      cached.set(name, cache);
      return Promise.resolve({
        addAll: (requests: FakeRequest[]) => {
          for (const r of requests) {
            const path = new URL(r.url).pathname;
            asked.push({ path, integrity: r.init.integrity ?? "", cache: r.init.cache ?? "" });
            cache.set(path, `kept ${path}`);
          }
          return Promise.resolve();
        },
        match: (path: string) => Promise.resolve(cache.get(path)),
      });
    },
    keys: () => Promise.resolve([...cached.keys()]),
    delete: (name: string) => Promise.resolve(cached.delete(name)),
  });
  vi.stubGlobal("self", {
    clients: { claim: () => Promise.resolve(), matchAll: () => Promise.resolve(pages), openWindow },
    skipWaiting,
    addEventListener: (type: string, f: (e: unknown) => void) => handlers.set(type, f),
  });
  await import("./sw.ts");
});
beforeEach(() => {
  pages = [];
  vi.clearAllMocks();
});

async function lasting(type: string, event: object = {}): Promise<void> {
  let until: Promise<unknown> = Promise.resolve();
  handlers.get(type)?.({ ...event, waitUntil: (p: Promise<unknown>) => (until = p) });
  await until;
}

/** The answer of the worker; undefined when it leaves it to the network. */
async function answer(
  path: string,
  init: ConstructorParameters<typeof FakeRequest>[1] = {},
): Promise<unknown> {
  let response: unknown;
  handlers.get("fetch")?.({
    request: new FakeRequest(path, init),
    respondWith: (r: unknown) => (response = r),
  });
  return await response;
}

test("all files are kept, those without a hash in their name as this version has them", async () => {
  await lasting("install");
  expect(asked).toEqual([
    { path: "/", integrity: "sha256-shell", cache: "no-cache" },
    { path: "/assets/a-1.js", integrity: "", cache: "" },
    { path: "/logo.svg", integrity: "sha256-logo", cache: "no-cache" },
  ]);
  expect(skipWaiting).not.toHaveBeenCalled();
});

test("old caches are removed, those of others not", async () => {
  cached.set("confab-v1", new Map());
  cached.set("other", new Map());
  await lasting("activate");
  expect([...cached.keys()].sort()).toEqual(["confab-v2", "other"]);
});

test("the app's paths are answered from the shell", async () => {
  for (const path of ["/", "/account", "/rooms/R", "/rooms/R/42", "/?x=1"])
    expect(await answer(path, { mode: "navigate" }), path).toBe("kept /");
});

test("its files are answered from what was kept", async () => {
  expect(await answer("/assets/a-1.js")).toBe("kept /assets/a-1.js");
  expect(await answer("/logo.svg")).toBe("kept /logo.svg");
});

test("all else is for the network", async () => {
  for (const path of [
    "/api/v1/me",
    "/ws",
    "/metrics",
    "/healthz",
    "/assets/b-2.js",
    "/sw.js",
    "https://a.example/logo.svg",
  ])
    expect(await answer(path), path).toBeUndefined();
  for (const path of ["/api/v1/openapi.yaml", "/metrics", "/healthz", "/accounts"])
    expect(await answer(path, { mode: "navigate" }), path).toBeUndefined();
  expect(await answer("/logo.svg", { method: "POST" })).toBeUndefined();
});

test("what the browser threw away is asked for", async () => {
  cached.get("confab-v2")?.delete("/logo.svg");
  expect(await answer("/logo.svg")).toBe("network");
});

test("it waits until the reader wants the new version", async () => {
  await lasting("message", { data: "something else" });
  expect(skipWaiting).not.toHaveBeenCalled();
  await lasting("message", { data: "activate" });
  expect(skipWaiting).toHaveBeenCalledOnce();
});

test("a click on a notification goes to the open page, or opens one; nowhere else", async () => {
  const click = (data: unknown) =>
    lasting("notificationclick", { notification: { data, close: () => undefined } });
  await click("/rooms/R/42");
  expect(openWindow).toHaveBeenCalledWith("/rooms/R/42");
  const page = { focus: vi.fn(() => Promise.resolve()), postMessage: vi.fn() };
  pages = [page];
  await click("/rooms/R/43");
  expect(page.postMessage).toHaveBeenCalledWith({ open: "/rooms/R/43" });
  expect(page.focus).toHaveBeenCalledOnce();
  await click("https://evil.example/");
  await click(undefined);
  expect(openWindow).toHaveBeenCalledOnce();
  expect(page.postMessage).toHaveBeenCalledOnce();
});
