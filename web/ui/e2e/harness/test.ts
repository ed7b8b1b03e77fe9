import { mkdir } from "node:fs/promises";
import { chromium, type Browser, type BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, inject, test as base } from "vitest";
import { Api } from "./api.ts";
import { Person } from "./person.ts";
import { server } from "./server.ts";
import { Watch } from "./watch.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.connect(inject("browser"));
});
afterAll(() => browser.close());

/** The people of a test. */
export class People {
  readonly #all: Person[] = [];

  /** Somebody who has just signed in, in a browser of their own. */
  async open(name: string, options: BrowserContextOptions = {}): Promise<Person> {
    return this.as(await Api.guest(name), options);
  }

  /** Somebody who has signed in elsewhere already. */
  async as(api: Api, options: BrowserContextOptions = {}): Promise<Person> {
    const person = await this.stranger(options, api);
    await person.goto("/");
    await person.rooms.or(person.page.getByRole("main")).first().waitFor();
    return person;
  }

  /** Somebody whose page is blank, and who has signed in elsewhere if there is an api. */
  async stranger(
    options: BrowserContextOptions = {},
    api = new Api("", { id: "", name: "" }),
  ): Promise<Person> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: "en-US",
      ...options,
    });
    context.setDefaultTimeout(20_000);
    if (api.token)
      await context.addCookies([
        { name: "session", value: api.token, url: server, httpOnly: true, sameSite: "Lax" },
      ]);
    const watch = new Watch(context);
    const person = new Person(await context.newPage(), context, watch, api);
    this.#all.push(person);
    return person;
  }

  /** Another tab of the same browser. */
  async tab(person: Person): Promise<Person> {
    const tab = new Person(await person.context.newPage(), person.context, person.watch, person.api);
    this.#all.push(tab);
    return tab;
  }

  /** Ends the test: everybody leaves, and nothing went wrong behind their backs. */
  async leave(test: string, failed: boolean) {
    if (failed) await this.#screenshots(test);
    const faults = [...new Set(this.#all.map((p) => p.watch))].flatMap((w) => w.faults);
    for (const context of new Set(this.#all.map((p) => p.context))) await context.close();
    if (faults.length > 0) throw new Error(`this must not happen in any page:\n${faults.join("\n")}`);
  }

  async #screenshots(test: string) {
    await mkdir("e2e/out", { recursive: true });
    for (const [i, { page }] of this.#all.entries()) {
      if (page.isClosed()) continue;
      const path = `e2e/out/${test.replace(/\W+/g, "-")}-${i}.png`;
      await page.screenshot({ path, timeout: 5000 }).catch(() => undefined);
    }
  }
}

/** A test with people in browsers. */
export const test = base.extend<{ people: People }>({
  people: async ({ task }, use) => {
    const people = new People();
    await use(people);
    await people.leave(task.name, task.result?.state === "fail");
  },
});

let names = 0;
/** A name that nothing else has. */
export const unique = (name: string) => `${name} ${Date.now().toString(36)}${names++}`;
