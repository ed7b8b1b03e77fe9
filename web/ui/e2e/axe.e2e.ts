import axe from "axe-core";
import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import type { Person } from "./harness/person.ts";
import { test, unique } from "./harness/test.ts";

/** No rule of WCAG 2 A and AA, nor of good practice, is broken. */
async function accessible(p: Person, screen: string) {
  await p.page.evaluate(axe.source);
  const violations = await p.page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    // Colours in the middle of a transition are none of a theme.
    const passing = document
      .getAnimations()
      .filter((a) => a.effect?.getComputedTiming().endTime !== Infinity);
    await Promise.all(passing.map((a) => a.finished.catch(() => undefined)));
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" | ")}`);
  });
  expect(violations, screen).toEqual([]);
}

for (const colorScheme of ["light", "dark"] as const)
  for (const phone of [false, true])
    test(`every screen, ${colorScheme}, ${phone ? "phone" : "wide"}`, async ({ people }) => {
      const p = await people.stranger({
        colorScheme,
        reducedMotion: "reduce",
        ...(phone ? { viewport: { width: 390, height: 844 } } : {}),
      });
      p.watch.excuse(
        /status of 40[01] .*sessions|404 .*no-such-room|ERR_INTERNET_DISCONNECTED|WebSocket/,
        "refusals are screens, too",
      );
      const check = (screen: string) => accessible(p, screen);
      await p.goto("/");
      await p.button("Sign in").waitFor();
      expect(await p.page.evaluate(() => document.documentElement.dataset.theme === "dark")).toBe(
        colorScheme === "dark",
      );
      await check("signed out");
      await p.textbox("Name").fill(unique("nobody"));
      await p.textbox("Password").fill("wrong horse battery");
      await p.button("Sign in").click();
      await p.alert.first().waitFor();
      await check("refused");
      await p.textbox("Name").fill("Ada");
      await p.button("Continue as guest").click();
      await p.rooms.waitFor();
      await check("rooms");
      await p.button("New room").click();
      await p.page.getByRole("dialog").waitFor();
      await check("new room");
      await p.page.keyboard.press("Escape");

      const host = await Api.guest("host");
      const room = await host.createRoom(unique("axe"));
      await host.say(
        room.id,
        "Hello, **all** of _you_: https://example.org and `code`\n\n> quoted\n\n1. one\n2. two",
      );
      await host.say(room.id, '```js\nconst answer = 42; // and so on\nif (answer) return "yes";\n```');
      await host.say(room.id, "long ".repeat(1000));
      await p.goto(`/rooms/${room.id}`);
      await p.button("Join room").waitFor();
      await p.log.locator("article").first().waitFor();
      await check("a room that one is not in");
      await p.button("Join room").click();
      await p.composer.waitFor();
      await p.say("mine");
      await p.sees("mine");
      await check("a room");
      await p.button("Members").click();
      await p.page.getByText("host").first().waitFor();
      await check("members");
      await p.page.keyboard.press("Escape");
      await p.goto("/");
      await host.say(room.id, "unread");
      await p.rooms.getByRole("link", { name: room.name }).waitFor();
      await check("rooms with unread messages");
      await p.rooms.getByRole("link", { name: room.name }).click();
      await p.sees("unread");
      await check("the divider");
      await p.line("open");
      const id = await me(p);
      await p.context.setOffline(true);
      await p.line("offline");
      await p.say("pending");
      await p.message("pending").waitFor();
      await check("offline");
      await host.call("DELETE", `/rooms/${room.id}/members/${id}`);
      await p.context.setOffline(false);
      await p.button("Try again").waitFor();
      await check("a failed message");
      await p.goto("/");
      await p.button("Connection").click();
      await p.page.getByRole("dialog", { name: "Connection" }).waitFor();
      await check("connection");
      await p.page.keyboard.press("Escape");
      await p.page.keyboard.press("?");
      await p.page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
      await check("shortcuts");
      await p.page.keyboard.press("Escape");
      await p.page.getByRole("link", { name: "Account" }).click();
      await p.page.getByRole("heading", { level: 1 }).waitFor();
      await check("account");
      await p.goto("/rooms/no-such-room");
      await p.page.getByRole("main").waitFor();
      await check("no such room");
    });

const me = (p: Person) =>
  p.page.evaluate(
    async () => ((await (await fetch("/api/v1/me")).json()) as { user: { id: string } }).user.id,
  );
