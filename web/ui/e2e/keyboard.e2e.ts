import type { Locator } from "playwright-core";
import { expect } from "vitest";
import type { Person } from "./harness/person.ts";
import { test, unique } from "./harness/test.ts";

/** Presses Tab until something has the focus, which must be seen there. */
async function tabTo(p: Person, target: Locator) {
  for (let n = 0; n < 400; n++) {
    // the rooms of all tests are in the list
    if (await target.evaluate((e) => e === document.activeElement)) {
      const [outline, shadow] = await target.evaluate((e) => {
        const { outlineStyle, boxShadow } = getComputedStyle(e);
        return [outlineStyle, boxShadow];
      });
      expect([outline === "none", shadow === "none"], "focus is seen").toContain(false);
      return;
    }
    await p.page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${target.toString()}`);
}

test("everything by the keyboard: sign in, make a room, send, the sheet of shortcuts", async ({ people }) => {
  const p = await people.stranger();
  const keys = p.page.keyboard;
  await p.goto("/");
  await tabTo(p, p.textbox("Name"));
  await keys.type("Key");
  await tabTo(p, p.button("Continue as guest"));
  await keys.press("Enter");
  await p.rooms.waitFor();

  const name = unique("keys");
  await tabTo(p, p.button("New room"));
  await keys.press("Enter");
  const dialog = p.page.getByRole("dialog", { name: "New room" });
  await dialog.getByRole("textbox", { name: "Room name" }).and(p.page.locator(":focus")).waitFor();
  await keys.type(name);
  await tabTo(p, dialog.getByRole("radio", { name: "Public" }));
  await keys.press("ArrowDown");
  expect(await dialog.getByRole("radio", { name: "Private" }).isChecked()).toBe(true);
  await tabTo(p, dialog.getByRole("button", { name: "Create" }));
  await keys.press("Enter");
  await p.page.getByRole("heading", { level: 1, name }).waitFor();
  await tabTo(p, p.composer);
  await keys.type("typed");
  await keys.press("Shift+Enter");
  await keys.type("twice");
  await keys.press("Enter");
  await p.sees("twice");

  await tabTo(p, p.button("Members"));
  await keys.press("?");
  const sheet = p.page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await sheet.waitFor();
  await keys.press("Escape");
  await sheet.waitFor({ state: "hidden" });
  await tabTo(p, p.button("Connection"));
  await keys.press("Enter");
  await p.page.getByRole("dialog", { name: "Connection" }).waitFor();
  await keys.press("Escape");
  await tabTo(p, p.rooms.getByRole("link", { name }));
  await keys.press("Enter");
  await p.sees("twice");
  await tabTo(p, p.button("Sign out"));
  await keys.press("Enter");
  await p.button("Sign in").waitFor();
});
