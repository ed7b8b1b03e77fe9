import { expect } from "vitest";
import { de } from "../src/i18n/de.ts";
import { en } from "../src/i18n/en.ts";
import { test, unique } from "./harness/test.ts";

const texts = (catalogue: object) => new Set(Object.values(catalogue).filter((v) => typeof v === "string"));
const german = texts(de);
const english = [...texts(en)].filter((t) => !german.has(t));

test("in German, nothing is English", async ({ people }) => {
  const p = await people.stranger({ locale: "de-DE" });
  const speaksGerman = async () => {
    expect(await p.page.evaluate(() => document.documentElement.lang)).toMatch(/^de/);
    const said = await p.page.evaluate(() => [
      ...document.body.innerText.split("\n"),
      ...[...document.querySelectorAll("[aria-label],[placeholder],[title]")].flatMap((e) => [
        e.getAttribute("aria-label"),
        e.getAttribute("placeholder"),
        e.getAttribute("title"),
      ]),
    ]);
    expect(said.filter((s) => s !== null && english.includes(s.trim()))).toEqual([]);
  };
  await p.goto("/");
  await p.page.getByRole("textbox").first().waitFor();
  await speaksGerman();
  await p.page.getByRole("textbox").first().fill("Jürgen");
  await p.page.getByRole("button", { name: /Gast/ }).click();
  await p.page.getByRole("navigation").waitFor();
  await speaksGerman();
  const host = await people.open("host");
  const room = await host.api.createRoom(unique("deutsch"));
  await host.api.say(room.id, "hallo");
  await p.goto(`/rooms/${room.id}`);
  await p.sees("hallo");
  await speaksGerman();
  await p.goto("/account");
  await p.page.getByRole("main").waitFor();
  await speaksGerman();
});
