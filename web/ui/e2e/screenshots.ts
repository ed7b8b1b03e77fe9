import { mkdir, stat } from "node:fs/promises";
import type { BrowserContextOptions } from "playwright-core";
import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import type { Person } from "./harness/person.ts";
import { rooms } from "./harness/server.ts";
import { test } from "./harness/test.ts";

// No test: `make screenshots` makes the README's pictures of a conversation that
// testdata/rooms has written.
const sample = rooms();
const room = (name: string) => sample.rooms[name] ?? "";
const as = (name: string) => new Api(sample.tokens[name] ?? "", { id: "", name });

async function picture(p: Person, name: string) {
  await mkdir("screenshots", { recursive: true });
  const path = `screenshots/${name}.png`;
  await p.page.screenshot({ path, animations: "disabled", caret: "hide" });
  expect((await stat(path)).size, path).toBeLessThan(200_000);
}

/** Opens Ada's browser; when she has read what there is, others write into other rooms. */
async function open(p: Person, phone: boolean) {
  await p.enter(room("releases"));
  await p.line("open");
  await p.sees("Report:");
  await as("Linus").say(room("coffee"), "and it has beans");
  await as("Grace").say(room("design"), "The dark ones are ready, too");
  if (!phone)
    for (const text of ["and it has beans", "The dark ones"]) await p.rooms.getByText(text).waitFor();
}

for (const [name, options] of Object.entries({
  light: { colorScheme: "light", viewport: { width: 1200, height: 760 } },
  dark: { colorScheme: "dark", viewport: { width: 1200, height: 760 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true },
} satisfies Record<string, BrowserContextOptions>))
  test(name, async ({ people }) => {
    const p = await people.as(as("Ada"), { timezoneId: "UTC", reducedMotion: "reduce", ...options });
    await open(p, name === "phone");
    await picture(p, name);
  });
