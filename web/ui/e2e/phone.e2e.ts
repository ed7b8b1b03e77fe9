import type { Page } from "playwright-core";
import { expect } from "vitest";
import { test, unique } from "./harness/test.ts";

/** Nothing is wider than the screen, and what is typed into is on it. */
async function fits(page: Page) {
  expect(
    await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  ).toBeLessThanOrEqual(0);
}

test("on a phone: the list or a room, and back", async ({ people }) => {
  const p = await people.stranger({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  const name = unique("a name that is too long for a phone's width");
  await p.goto("/");
  await fits(p.page);
  await p.textbox("Name").fill("Thumb");
  await p.button("Continue as guest").tap();
  await p.button("New room").tap();
  const dialog = p.page.getByRole("dialog", { name: "New room" });
  await dialog.getByRole("textbox", { name: "Room name" }).fill(name);
  await dialog.getByRole("button", { name: "Create" }).tap();
  await p.composer.waitFor();
  expect(await p.rooms.isVisible()).toBe(false);
  await fits(p.page);
  await p.composer.fill("a word-that-is-much-too-long-".repeat(10));
  await p.button("Send").tap();
  await p.composer.fill("```\nconst line = 'of code that is wider than the screen of any phone';\n```");
  await p.button("Send").tap();
  await p.sees("const line");
  await fits(p.page);
  const box = await p.composer.boundingBox();
  expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(844);
  await p.page.getByRole("link", { name: "Back to rooms" }).tap();
  await p.rooms.getByRole("link", { name }).waitFor();
  expect(await p.composer.count()).toBe(0);
  await fits(p.page);
  await p.page.getByRole("link", { name: "Account" }).tap();
  await fits(p.page);
  await p.page.goBack();
  await p.rooms.getByRole("link", { name }).tap();
  await p.sees("const line");
});

test("a name without a space is broken where it has to be", async ({ people }) => {
  const p = await people.open("Thumb", { viewport: { width: 390, height: 700 } });
  const name = `${"W".repeat(50)}${Date.now()}`;
  const room = await p.api.createRoom(name);
  await p.enter(room.id);
  const beginning = (await p.log.getByText(/^This is the beginning/).boundingBox())!;
  expect(beginning.x).toBeGreaterThanOrEqual(0);
  expect(beginning.x + beginning.width).toBeLessThanOrEqual(390);
  for (const button of ["Members", "Leave room"]) {
    await p.button(button).click();
    const dialog = p.page.getByRole("dialog");
    await dialog.getByRole("heading").waitFor();
    await expect
      .poll(() => dialog.evaluate((e) => [e.scrollLeft, e.scrollWidth - e.clientWidth]))
      .toEqual([0, 0]);
    for (const p of await dialog.locator("p").all())
      expect(await p.evaluate((e) => e.scrollWidth - e.clientWidth)).toBeLessThanOrEqual(0);
    await p.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  }
});

test("at 400 % the word about the line lies over nothing", async ({ people }) => {
  const p = await people.open("Near", { viewport: { width: 320, height: 200 } });
  p.watch.excuse(/ERR_INTERNET_DISCONNECTED|WebSocket/, "the network is off");
  const room = await p.api.createRoom(unique("large"));
  await p.enter(room.id);
  await p.line("open");
  await p.context.setOffline(true);
  await p.line("offline");
  const word = (await p.page.getByText(/^You are offline/).boundingBox())!;
  const title = (await p.page.getByRole("heading", { level: 1 }).boundingBox())!;
  expect(word.y).toBeGreaterThanOrEqual(0);
  expect(word.y + word.height).toBeLessThanOrEqual(title.y);
  expect(await p.composer.isVisible()).toBe(true);
  await fits(p.page);
});
