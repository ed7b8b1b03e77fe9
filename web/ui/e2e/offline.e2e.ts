import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import { exactly } from "./harness/history.ts";
import { test, unique } from "./harness/test.ts";

test("offline for a while, both type, and a reload meanwhile: everything goes out", async ({ people }) => {
  const [ada, bob] = [await people.open("Ada"), await people.open("Bob")];
  ada.watch.excuse(/ERR_INTERNET_DISCONNECTED|WebSocket|ERR_FAILED/, "the network is off");
  const room = await ada.api.createRoom(unique("offline"));
  await bob.api.join(room.id);
  for (const p of [ada, bob]) {
    await p.enter(room.id);
    await p.line("open");
  }
  const sent = ["before"];
  await ada.say("before");
  for (const p of [ada, bob]) await p.sees("before");
  await ada.served();

  await ada.context.setOffline(true);
  await ada.line("offline");
  for (let n = 1; n <= 5; n++) {
    sent.push(`Ada off ${n}.`, `Bob on ${n}.`);
    await ada.say(`Ada off ${n}.`);
    await bob.say(`Bob on ${n}.`);
  }
  await bob.sees("Bob on 5.");
  await ada.page.reload();
  await ada.sees("before");
  await ada.line("offline");
  await expect.poll(async () => (await ada.shown()).filter((m) => m.state === "pending").length).toBe(5);
  sent.push("Ada after the reload.");
  await ada.say("Ada after the reload.");
  expect(await ada.message("Bob on 5.").count()).toBe(0);

  await ada.context.setOffline(false);
  await ada.line("open");
  await ada.sees("Bob on 5.");
  await bob.sees("Ada after the reload.");
  await exactly(sent, room.id, ada, bob);
});

test("the app opens offline with what it has", async ({ people }) => {
  const ada = await people.open("Ada");
  ada.watch.excuse(/ERR_INTERNET_DISCONNECTED|WebSocket|ERR_FAILED/, "the network is off");
  const room = await ada.api.createRoom(unique("opens offline"));
  await ada.enter(room.id);
  await ada.say("kept");
  await ada.sees("kept");
  await ada.served();
  await ada.keeps("kept");
  await ada.page.close();
  await ada.context.setOffline(true);
  const again = await people.tab(ada);
  await again.goto("/");
  await again.rooms.getByRole("link", { name: room.name }).click();
  await again.sees("kept");
});

test("a page that was asked for before the worker was there is served by it, too", async ({ people }) => {
  const first = await people.stranger({}, await Api.guest("Ada"));
  const second = await people.tab(first);
  await second.page.route("**/", async (route) => {
    await first.goto("/");
    await first.served();
    await route.continue();
  });
  await second.goto("/");
  await second.served();
});

test("a session that ended while one was offline says what is unsent", async ({ people }) => {
  const ada = await people.open("Ada");
  ada.watch.excuse(
    /ERR_INTERNET_DISCONNECTED|WebSocket|ERR_FAILED|status of 401/,
    "the network, the session",
  );
  const room = await ada.api.createRoom(unique("ended offline"));
  await ada.enter(room.id);
  await ada.line("open");
  await ada.served();
  await ada.context.setOffline(true);
  await ada.line("offline");
  await ada.say("unsent");
  await ada.page.reload();
  await ada.message("unsent").waitFor();
  await ada.api.call("DELETE", "/sessions/current");
  await ada.context.setOffline(false);
  await ada.button("Sign in").waitFor();
  await ada.page.getByText("1 unsent message is kept in this browser.").waitFor();
});
