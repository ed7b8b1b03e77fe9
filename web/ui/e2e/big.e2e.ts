import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import { measure, measured, percentile } from "./harness/measure.ts";
import type { Person } from "./harness/person.ts";
import { figure, rooms } from "./harness/server.ts";
import { type People, test } from "./harness/test.ts";

// A room of 100,000 messages, which the Go test has written.
const { big: room, bigHead: head } = rooms();

/** The seqs of the messages on the screen. */
const onScreen = (p: Person) =>
  p.log.evaluate((log) => {
    const frame = log.getBoundingClientRect();
    return [...log.querySelectorAll<HTMLElement>("article[data-seq]")]
      .filter((e) => {
        const { top, bottom } = e.getBoundingClientRect();
        return bottom > frame.top + 4 && top < Math.min(frame.bottom, innerHeight) - 4;
      })
      .map((e) => Number(e.dataset.seq));
  });

/** Somebody who has been a member before the app was opened first, and measures. */
async function visitor(people: People) {
  const api = await Api.guest("Ada");
  await api.join(room);
  const p = await people.as(api);
  await measure(p.page);
  return p;
}

async function steady(p: Person) {
  const { shift, shifted } = await measured(p.page);
  expect(shift, `layout shift: ${shifted.join("\n")}`).toBeLessThanOrEqual(0.01);
  return shift;
}

test("it opens at the newest, and scrolls up through thousands", async ({ people }) => {
  const p = await visitor(people);
  await p.enter(room);
  await p.sees(`${head - 1}:`);
  await expect.poll(async () => (await onScreen(p)).at(-1)).toBeGreaterThanOrEqual(head);
  const { paint } = await measured(p.page);
  const shift = await steady(p);
  const loaded = await p.page.evaluate(() => {
    const scripts = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
    const [page] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    return {
      js: scripts.filter((e) => e.name.endsWith(".js")).reduce((sum, e) => sum + e.encodedBodySize, 0),
      interactive: page?.domInteractive ?? 0,
    };
  });
  await figure("first contentful paint of a room of 100,000", `${Math.round(paint ?? 0)} ms`);
  await figure("layout shift while it loads", shift.toFixed(4));
  await figure("JavaScript loaded, compressed", `${(loaded.js / 1024).toFixed(1)} KB`);

  // The wheel turns as fast as frames are painted.
  const box = (await p.log.boundingBox())!;
  await p.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await p.page.evaluate(() => {
    window.measured.longTasks.length = 0;
    const frames: number[] = [];
    Object.assign(window, { frames });
    let last = performance.now();
    const next = (now: number) => {
      frames.push(now - last);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  let blank = 0;
  let turns = 0;
  let first = head;
  for (; first > head - 3000 && turns < 600; turns++) {
    await p.page.mouse.wheel(0, -1200);
    const seen = await p.page
      .evaluate(
        () =>
          new Promise<void>((painted) => requestAnimationFrame(() => requestAnimationFrame(() => painted()))),
      )
      .then(() => onScreen(p));
    if (seen.length === 0) blank++;
    else {
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      first = seen[0]!;
    }
  }
  const { longTasks } = await measured(p.page);
  const frames = await p.page.evaluate(() => (window as unknown as { frames: number[] }).frames);
  await figure(
    `scrolled up through ${head - first} messages in ${turns} turns of the wheel`,
    `${longTasks.length} long tasks, the longest ${Math.round(Math.max(0, ...longTasks))} ms; ` +
      `${frames.filter((f) => f > 50).length} of ${frames.length} frames took more than 50 ms, p95 ${Math.round(percentile(frames, 95))} ms; ${blank} blank`,
  );
  expect(first, "it scrolls").toBeLessThanOrEqual(head - 3000);
  expect(blank, "looks at a blank log").toBe(0);

  // And it keeps its place when older ones come in: down again by as much is further down.
  const before = (await onScreen(p))[0]!;
  await p.page.mouse.wheel(0, 600);
  await expect.poll(async () => (await onScreen(p))[0]).toBeGreaterThan(before);
  expect((await onScreen(p))[0]! - before, "it jumps").toBeLessThan(60);

  await p.button("Jump to newest").click();
  await expect.poll(async () => (await onScreen(p)).at(-1)).toBeGreaterThanOrEqual(head);
});

test("a link leads to its message, the first one to the beginning, and back to the newest", async ({
  people,
}) => {
  const p = await visitor(people);
  await p.enter(room, 50_000);
  await expect.poll(() => onScreen(p)).toContain(50_000);
  await steady(p);
  await p.page
    .getByText(/^49999: /)
    .first()
    .waitFor();

  await p.enter(room, 1);
  await expect.poll(() => onScreen(p)).toContain(2);
  await steady(p);
  const [at] = await p.scrollBy(-1);
  expect(at).toBe(0);
  await p.scrollBy(5);
  await expect.poll(async () => (await onScreen(p))[0]).toBeGreaterThan(2);
  expect((await onScreen(p))[0], "it runs on by itself").toBeLessThan(500);

  await p.button("Jump to newest").click();
  await expect.poll(async () => (await onScreen(p)).at(-1)).toBeGreaterThanOrEqual(head);
  await p.say("the newest");
  await p.sees("the newest");
});
