import type { BrowserContext, Locator, Page, WebSocket } from "playwright-core";
import { expect } from "vitest";
import type { Api } from "./api.ts";
import { server } from "./server.ts";
import type { Watch } from "./watch.ts";

/** A message as the timeline shows it. */
export interface Shown {
  seq: number | undefined;
  key: string | undefined;
  state: string | undefined;
  body: string;
}

/** Somebody at a tab of a browser. */
export class Person {
  /** The WebSockets that are open. */
  readonly sockets = new Set<WebSocket>();
  /** The name of the node that the newest WebSocket leads to. */
  node: string | undefined;

  constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    readonly watch: Watch,
    readonly api: Api,
  ) {
    page.on("request", (request) => {
      // The sockets of a page that is left end without a word.
      if (request.isNavigationRequest() && request.frame() === page.mainFrame()) this.sockets.clear();
    });
    page.on("websocket", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
      socket.on("framereceived", ({ payload }) => {
        this.node = /"type":"welcome".*"node":"(\w+)"/.exec(String(payload))?.[1] ?? this.node;
      });
    });
  }

  get log(): Locator {
    return this.page.getByRole("log");
  }
  get composer(): Locator {
    return this.page.getByRole("textbox", { name: /^Message / });
  }
  get rooms(): Locator {
    return this.page.getByRole("navigation", { name: "Rooms" });
  }
  get alert(): Locator {
    return this.page.getByRole("alert");
  }
  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }
  textbox(name: string): Locator {
    return this.page.getByRole("textbox", { name, exact: true });
  }

  async goto(path: string) {
    await this.page.goto(server + path);
  }

  /** Opens a room that one is in, at its end or at an event, and waits until it shows messages. */
  async enter(room: string, seq?: number) {
    await this.goto(`/rooms/${room}${seq === undefined ? "" : `/${seq}`}`);
    await this.composer.waitFor();
    await this.log.locator("[data-seq]").first().waitFor();
  }

  /** Types and sends. */
  async say(body: string) {
    await this.composer.fill(body);
    await this.composer.press("Enter");
  }

  /** The message with a body; bodies are unique in most tests. */
  message(body: string): Locator {
    return this.log.locator("article").filter({ has: this.page.locator(".body", { hasText: body }) });
  }

  /** Waits until a message is shown and is in the log. */
  async sees(body: string) {
    await this.message(body).and(this.page.locator("[data-seq]:not([data-state])")).waitFor();
  }

  /** What is in the document of the log, in its order. */
  shown(): Promise<Shown[]> {
    return this.log.locator("article").evaluateAll((all) =>
      // what is no message has no body: somebody joined, …
      all
        .filter((e) => e.querySelector(".body"))
        .map((e) => {
          const { seq, key, state } = (e as HTMLElement).dataset;
          return {
            seq: seq === undefined ? undefined : Number(seq),
            key,
            state,
            body: e.querySelector(".body")?.textContent.trim() ?? "",
          };
        }),
    );
  }

  /** Waits until the connection is as said. */
  async line(state: "open" | "offline" | "reconnecting" | "catching-up") {
    await this.page.locator(`[data-testid=line][data-line=${state}]`).waitFor({ state: "attached" });
  }

  /** Waits until a service worker serves the page, so that it opens offline, too. */
  async served() {
    await this.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  }

  /** Waits until an event with this text is in the browser's cache, which is written a moment after it is shown. */
  async keeps(body: string) {
    const search = (body: string) =>
      indexedDB.databases().then(async (all) => {
        for (const { name = "" } of all) {
          const db = await new Promise<IDBDatabase>((resolve, reject) => {
            const request = indexedDB.open(name);
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error!);
          });
          const found: unknown[] = [];
          if (db.objectStoreNames.contains("events"))
            await new Promise<void>((resolve) => {
              const events = db.transaction("events").objectStore("events").getAll();
              events.onsuccess = () => {
                found.push(...(events.result as unknown[]));
                resolve();
              };
            });
          db.close();
          if (JSON.stringify(found).includes(JSON.stringify(body))) return true;
        }
        return false;
      });
    await expect.poll(() => this.page.evaluate(search, body)).toBe(true);
  }

  /** Waits until nothing of one's own is on its way in the room that is open. */
  async allSent(timeout = 30_000) {
    await expect.poll(() => this.log.locator("article[data-state]").count(), { timeout }).toBe(0);
  }

  /** All messages of the log, read by scrolling through it from its beginning. */
  async wholeLog(room: string): Promise<Shown[]> {
    await this.enter(room, 1);
    const all: Shown[] = [];
    for (let last = -1; ;) {
      const shown = await this.shown();
      expect(shown.map((m) => m.seq)).toEqual(shown.map((m) => m.seq).sort((a, b) => (a ?? 0) - (b ?? 0)));
      for (const m of shown) if (m.seq !== undefined && m.seq > (all.at(-1)?.seq ?? 0)) all.push(m);
      const [at, end] = await this.scrollBy(0.7);
      if (at === last && end) return all;
      last = at;
    }
  }

  /** Scrolls by a part of the height that is seen; tells where it is then, and whether that is the end. */
  async scrollBy(part: number): Promise<[at: number, end: boolean]> {
    return this.log.evaluate(async (log, part) => {
      const scroller = [log, ...log.querySelectorAll("*"), log.parentElement]
        .filter((e) => e instanceof HTMLElement)
        .find(
          (e) => e.scrollHeight > e.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(e).overflowY),
        );
      if (!scroller) return [0, true] as [number, boolean];
      scroller.scrollBy(0, part * scroller.clientHeight);
      for (let frames = 3; frames > 0; frames--) await new Promise(requestAnimationFrame);
      return [
        scroller.scrollTop,
        scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2,
      ] as [number, boolean];
    }, part);
  }
}
