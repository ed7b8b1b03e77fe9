import { expect } from "vitest";
import type { Person } from "./person.ts";

/**
 * Waits until everybody has sent all, and compares: the log holds exactly these messages,
 * and everybody's timeline, read from its beginning, shows exactly the log.
 */
export async function exactly(bodies: readonly string[], room: string, ...people: Person[]) {
  const posted = async () => (await people[0]!.api.events(room)).filter((e) => e.kind === "message.posted");
  await expect
    .poll(async () => (await posted()).length, { timeout: 60_000 })
    .toBeGreaterThanOrEqual(bodies.length);
  for (const p of people) await p.allSent();
  const events = await posted();
  expect(events.map((e) => e.body).sort()).toEqual([...bodies].sort());
  for (const p of people) {
    await p.sees(events.at(-1)?.body ?? "");
    const shown = await p.wholeLog(room);
    expect(shown.map(({ seq, body }) => `${seq} ${body}`)).toEqual(
      events.map(({ seq, body }) => `${seq} ${body}`),
    );
  }
}
