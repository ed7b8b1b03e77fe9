import type { WebSocketRoute } from "playwright-core";
import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import type { Person } from "./harness/person.ts";
import { test, unique } from "./harness/test.ts";

async function fill(p: Person, name: string, password: string) {
  await p.textbox("Name").fill(name);
  await p.textbox("Password").fill(password);
}

test("sign up, sign out, sign in", async ({ people }) => {
  const ada = await people.stranger();
  const name = unique("ada");
  await ada.goto("/");
  await fill(ada, name, "correct horse battery");
  await ada.button("Create account").click();
  await ada.rooms.waitFor();
  await ada.button("Sign out").click();
  await ada.button("Sign in").waitFor();
  expect(await ada.page.getByText(/session has ended/).count()).toBe(0);
  await ada.page.reload();
  await fill(ada, name, "correct horse battery");
  await ada.textbox("Password").press("Enter");
  await ada.rooms.waitFor();
  await ada.page.reload();
  await ada.rooms.waitFor();
});

test("what cannot be is said, and nobody is signed in", async ({ people }) => {
  const name = unique("grace");
  await Api.account(name, "correct horse battery");
  const p = await people.stranger();
  p.watch.excuse(/status of 4\d\d .*\/api\/v1\/(users|sessions)/, "refused sign-ups and sign-ins");
  await p.goto("/");
  const says = async (name: string, password: string, button: string, what: RegExp) => {
    await fill(p, name, password);
    await p.button(button).click();
    await expect.poll(() => p.alert.textContent()).toMatch(what);
    await p.button("Sign in").waitFor();
  };
  await says(name, "wrong horse battery", "Sign in", /name|password/i);
  await says(name, "wrong horse battery", "Create account", /taken/i);
  await says(unique("short"), "short", "Create account", /8|short|characters/i);
  expect(await p.rooms.count()).toBe(0);
});

test("a guest comes in with a name, and to the room that the link names", async ({ people }) => {
  const host = await Api.guest("host");
  const room = await host.createRoom(unique("link"));
  const p = await people.stranger();
  await p.goto(`/rooms/${room.id}`);
  await p.textbox("Name").fill("passer-by");
  await p.button("Continue as guest").click();
  await p.page.getByRole("heading", { level: 1, name: room.name }).waitFor();
  await p.button("Join room").click();
  await p.say("hello");
  await p.sees("hello");
});

test("a session that was ended elsewhere leads to the sign-in screen", async ({ people }) => {
  const api = await Api.account(unique("ada"), "correct horse battery");
  const room = await api.createRoom(unique("ended"));
  const here = await people.as(api);
  here.watch.excuse(/status of 401|WebSocket/, "the session is over");
  await here.enter(room.id);
  await here.line("open");
  await here.composer.fill("unfinished");
  const there = await Api.signIn(api.user.name, "correct horse battery");
  const { sessions } = await there.call<{ sessions: { id: string; current: boolean }[] }>("GET", "/sessions");
  for (const s of sessions) if (!s.current) await there.call("DELETE", `/sessions/${s.id}`);
  await here.button("Sign in").waitFor();
  await fill(here, api.user.name, "correct horse battery");
  await here.button("Sign in").click();
  await expect.poll(() => here.composer.inputValue()).toBe("unfinished");
});

test("an account that was made without an answer is no name that is taken", async ({ people }) => {
  const p = await people.stranger();
  p.watch.excuse(/status of (409|429)/, "the first try, and that the name is there then");
  const refusal = { type: "about:blank", title: "", status: 429, code: "rate_limited", detail: "too many" };
  await p.page.route(
    "**/api/v1/sessions",
    (r) => r.fulfill({ status: 429, contentType: "application/problem+json", body: JSON.stringify(refusal) }),
    { times: 1 },
  );
  await p.goto("/");
  await fill(p, unique("ada"), "correct horse battery");
  await p.button("Create account").click();
  await p.alert.waitFor();
  await p.button("Create account").click();
  await p.rooms.waitFor();
});

test("who signs in where a session ended sees nothing of whose it was", async ({ people }) => {
  const p = await people.open("Ada");
  p.watch.excuse(
    /ERR_INTERNET_DISCONNECTED|WebSocket|status of (401|404|503)/,
    "the network, the session, the server, the room",
  );
  const room = await p.api.createRoom(unique("secret"), "private");
  let asleep = false; // the page hears of the end by REST first
  let socket: WebSocketRoute | undefined;
  await p.page.routeWebSocket("**/ws", (page) => {
    if (asleep) return;
    socket = page;
    page.connectToServer();
  });
  await p.enter(room.id);
  await p.line("open");
  await p.context.setOffline(true);
  asleep = true;
  await socket?.close();
  await p.api.call("DELETE", "/sessions/current");
  await p.context.setOffline(false);
  await p.button("Sign in").waitFor();

  await p.page.evaluate((name) => {
    new MutationObserver(() => {
      if (document.body.innerText.includes(name)) document.documentElement.dataset.leaked = name;
    }).observe(document, { subtree: true, childList: true, characterData: true });
  }, room.name);
  asleep = false;
  // The first answer fails, too: it must not be taken for Ada.
  const refusal = { type: "about:blank", title: "", status: 503, code: "unavailable", detail: "try again" };
  await p.page.route(
    "**/api/v1/me",
    (r) => r.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(refusal) }),
    { times: 1 },
  );
  await p.textbox("Name").fill("Eve");
  await p.button("Continue as guest").click();
  await p.rooms.getByText("Eve").waitFor();
  await p.line("open");
  expect(await p.page.locator("html").getAttribute("data-leaked")).toBe(null);
});
