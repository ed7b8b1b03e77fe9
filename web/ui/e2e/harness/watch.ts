import type { BrowserContext, Page } from "playwright-core";
import { server } from "./server.ts";

/** What a browser logs although nothing is wrong. */
const always: readonly RegExp[] = [
  /status of 401 .*\/api\/v1\/me$/, // how the app learns that nobody is signed in
];

const own = new Set([server, server.replace(/^http/, "ws")]);

/** Notes what must not happen in any test: another host is asked, a script fails, a dialog opens. */
export class Watch {
  readonly #faults: string[] = [];
  readonly #excuses = [...always];

  constructor(context: BrowserContext) {
    context.on("request", (request) => this.#asked(request.url()));
    context.on("page", (page) => this.#page(page));
    context.on("weberror", (e) =>
      this.#faults.push(`error in a page: ${e.error().stack ?? e.error().message}`),
    );
    context.on("dialog", (dialog) => {
      this.#faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    context.on("console", (line) => {
      if (line.type() === "error") this.#faults.push(`console: ${line.text()} at ${line.location().url}`);
    });
  }

  #page(page: Page) {
    page.on("crash", () => this.#faults.push("a page crashed"));
    page.on("websocket", (socket) => this.#asked(socket.url()));
  }

  #asked(url: string) {
    const { protocol, origin } = new URL(url);
    if (protocol !== "data:" && protocol !== "blob:" && !own.has(origin))
      this.#faults.push(`another host is asked: ${url}`);
  }

  /** What matches is expected in this test, for the reason given. */
  excuse(pattern: RegExp, _reason: string) {
    this.#excuses.push(pattern);
  }

  get faults(): string[] {
    return this.#faults.filter((f) => !this.#excuses.some((e) => e.test(f)));
  }
}
