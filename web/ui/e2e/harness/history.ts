import { expect } from "vitest";
import type { Person } from "./person.ts";

/**
 * Waits until everybody has sent all, and compares: the log holds exactly these messages,
 * and everybody's timeline, read from its beginning, shows exactly the log.
 */
export async function exactly(bodies: readonly string[], room: string, ...people: Person[]) {
  const posted = async () => (await people[0]!.api.events(room)).filter((e) => e.kind === "message.posted");
  const missing = async () => {
    const logged = new Set((await posted()).map((e) => e.body));
    return bodies.filter((body) => !logged.has(body));
  };
  await expect.poll(missing, { timeout: 60_000 }).toStrictEqual([]);
  for (const p of people) await p.allSent();
  const events = await posted();
  same(events.map((e) => e.body ?? "").sort(), [...bodies].sort(), "the log", "what was sent");
  for (const p of people) {
    await p.sees(events.at(-1)?.body ?? "");
    const shown = await p.wholeLog(room);
    same(lines(shown), lines(events), `what ${p.api.user.name} sees`, "the log");
  }
}

const lines = (messages: readonly { seq: number | undefined; body?: string }[]) =>
  messages.map(({ seq, body }) => `${seq}: ${body}`);

/** Fails with what is missing, too much, or in disorder: a diff of 200 lines tells little. */
export function same(got: readonly string[], want: readonly string[], gotName: string, wantName: string) {
  const missing = want.filter((line) => !got.includes(line));
  const foreign = got.filter((line) => !want.includes(line));
  const doubled = got.filter((line, i) => got.indexOf(line) !== i);
  const disorder = got.findIndex((line, i) => line !== want[i]);
  if (disorder < 0 && got.length === want.length) return;
  throw new Error(
    `${gotName} (${got.length}) is not ${wantName} (${want.length}); missing: ${JSON.stringify(missing)}, ` +
      `foreign: ${JSON.stringify(foreign)}, doubled: ${JSON.stringify(doubled)}, first difference at ${disorder}: ` +
      `${got[disorder]} for ${want[disorder]}`,
  );
}
