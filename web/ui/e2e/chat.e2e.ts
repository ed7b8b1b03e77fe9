import { expect } from "vitest";
import { test, unique } from "./harness/test.ts";

test("one makes a room, another joins, they chat", async ({ people }) => {
  const [ada, bob] = [await people.open("Ada"), await people.open("Bob")];
  const name = unique("lounge");
  await ada.button("New room").click();
  const dialog = ada.page.getByRole("dialog", { name: "New room" });
  await dialog.getByRole("textbox", { name: "Room name" }).fill(name);
  await dialog.getByRole("button", { name: "Create" }).click();
  await ada.page.getByRole("heading", { level: 1, name }).waitFor();
  await ada.say("is anybody here?");
  await ada.sees("is anybody here?");

  await bob.page.reload();
  await bob.page.getByLabel("Filter rooms").fill(name);
  await bob.rooms.getByRole("link", { name }).click();
  await bob.sees("is anybody here?");
  await bob.button("Join room").click();
  await bob.say("I am");
  for (const p of [ada, bob]) await p.sees("I am");
  await ada.say("first line");
  await ada.composer.press("Shift+Enter");
  expect(await ada.composer.inputValue()).toBe("\n");
  await ada.composer.fill("");
  await bob.sees("first line");
  expect((await bob.shown()).map((m) => m.body)).toEqual((await ada.shown()).map((m) => m.body));
});

test("a reload in the middle: the draft is there, the place too, and nothing comes twice", async ({
  people,
}) => {
  const ada = await people.open("Ada");
  const room = await ada.api.createRoom(unique("reload"));
  for (let i = 1; i <= 60; i++) await ada.api.say(room.id, `message ${i}.`);
  await ada.enter(room.id);
  await ada.sees("message 60.");
  await ada.composer.fill("half a thou");
  await expect.poll(() => ada.composer.inputValue()).toBe("half a thou");
  await ada.page.reload();
  await ada.sees("message 60.");
  await expect.poll(() => ada.composer.inputValue()).toBe("half a thou");
  await expect(ada.message("message 60.").isVisible()).resolves.toBe(true);
  await ada.composer.press("Enter");
  await ada.page.reload(); // perhaps before it was acked
  await ada.sees("half a thou");
  await ada.allSent();
  expect(await ada.message("half a thou").count()).toBe(1);
  expect((await ada.api.events(room.id)).filter((e) => e.body === "half a thou")).toHaveLength(1);
});

test("back and forward come back to live rooms", async ({ people }) => {
  const [ada, bob] = [await people.open("Ada"), await people.open("Bob")];
  const [one, two] = [await ada.api.createRoom(unique("one")), await ada.api.createRoom(unique("two"))];
  await bob.api.join(one.id);
  await ada.enter(one.id);
  await ada.rooms.getByRole("link", { name: two.name }).click();
  await ada.page.getByRole("heading", { level: 1, name: two.name }).waitFor();
  await bob.api.say(one.id, "while in two");
  await ada.page.goBack();
  await ada.sees("while in two");
  await ada.page.goto("about:blank"); // leaves the app; the browser may keep the page
  await bob.api.say(one.id, "while away");
  await ada.page.goBack();
  await ada.sees("while away");
  await ada.line("open");
  await ada.say("back again");
  await ada.sees("back again");
});

test("a link leads to its message, also while another one is unsent", async ({ people }) => {
  const ada = await people.open("Ada");
  const [room, other] = [
    await ada.api.createRoom(unique("linked")),
    await ada.api.createRoom(unique("other")),
  ];
  for (let n = 1; n <= 150; n++) await ada.api.say(room.id, `old ${n}.`);
  await ada.page.routeWebSocket("**/ws", (page) => {
    const server = page.connectToServer();
    page.onMessage((frame) => {
      if (!String(frame).includes('"type":"send"')) server.send(frame);
    });
  });
  await ada.enter(room.id);
  await ada.say("unsent");
  await ada.message("unsent").and(ada.page.locator("[data-state=pending]")).waitFor();
  const leads = async () => {
    await ada.sees("old 8.");
    await ada.line("open");
    await expect.poll(async () => (await ada.message("old 8.").boundingBox())?.y).toBeLessThan(800);
  };
  await ada.enter(room.id, 9);
  await leads();
  await ada.rooms.getByRole("link", { name: other.name }).click();
  await ada.page.getByRole("heading", { level: 1, name: other.name }).waitFor();
  await ada.page.goBack();
  await leads();
});
