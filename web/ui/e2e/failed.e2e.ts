import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import { test, unique } from "./harness/test.ts";

test("a message that may not be sent says so, and is tried again or discarded", async ({ people }) => {
  const owner = await Api.guest("owner");
  const room = await owner.createRoom(unique("failed"));
  const bob = await people.open("Bob");
  bob.watch.excuse(/ERR_INTERNET_DISCONNECTED|WebSocket/, "the network is off");
  await bob.api.join(room.id);
  await bob.enter(room.id);
  await bob.line("open");
  await bob.context.setOffline(true);
  await bob.line("offline");
  for (const body of ["again", "never"]) await bob.say(body);
  await owner.call("DELETE", `/rooms/${room.id}/members/${bob.api.user.id}`);
  await bob.context.setOffline(false);

  const failed = bob.log.locator("article[data-state=failed]");
  await expect.poll(() => failed.count()).toBe(2);
  await failed.filter({ hasText: "never" }).getByRole("button", { name: "Discard" }).click();
  await expect.poll(() => failed.count()).toBe(1);
  await bob.page.reload();
  await expect.poll(() => failed.count()).toBe(1); // it is kept
  await bob.button("Join room").click();
  await bob.composer.waitFor();
  await failed.getByRole("button", { name: "Try again" }).click();
  await bob.sees("again");
  const bodies = (await owner.events(room.id)).flatMap((e) => e.body ?? []);
  expect(bodies).toEqual(["again"]);
});

test("a message that is too long cannot be sent, and the composer says by how much", async ({ people }) => {
  const ada = await people.open("Ada");
  const room = await ada.api.createRoom(unique("long"));
  await ada.enter(room.id);
  await ada.composer.fill("x".repeat(8193));
  await expect.poll(() => ada.button("Send").isDisabled()).toBe(true);
  await ada.composer.press("Enter");
  await ada.composer.fill("x".repeat(8192));
  await ada.composer.press("Enter");
  await ada.allSent();
  expect((await ada.api.events(room.id)).flatMap((e) => e.body?.length ?? [])).toEqual([8192]);
});

test("a list of rooms that could not be had is asked for again", async ({ people }) => {
  const api = await Api.guest("Ada");
  const room = await api.createRoom(unique("listed"));
  const ada = await people.stranger({ serviceWorkers: "block" }, api);
  ada.watch.excuse(/status of 503/, "the first list");
  await ada.page.route("**/api/v1/rooms?*", (r) => r.fulfill({ status: 503, body: "" }));
  await ada.goto("/");
  await ada.line("open");
  const again = ada.rooms.getByRole("button", { name: "Try again" });
  await again.waitFor();
  await ada.page.waitForLoadState("networkidle"); // with the line open, it is asked for again by itself
  await ada.page.unrouteAll();
  await again.click();
  await ada.rooms.getByRole("link", { name: room.name }).waitFor();
  expect(await ada.alert.filter({ hasText: /./ }).count()).toBe(0);
});
