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
