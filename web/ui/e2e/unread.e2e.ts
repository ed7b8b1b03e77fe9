import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import { test, unique } from "./harness/test.ts";

test("what came meanwhile is counted, and the first of it is a click away", async ({ people }) => {
  const ada = await Api.guest("Ada");
  const [busy, quiet] = [await ada.createRoom(unique("busy")), await ada.createRoom(unique("quiet"))];
  const bob = await people.open("Bob");
  for (const { id } of [busy, quiet]) await bob.api.join(id);
  await ada.say(busy.id, "before");
  await bob.enter(busy.id);
  await bob.sees("before");
  const link = bob.rooms.getByRole("link", { name: busy.name });
  await link.getByText("Ada: before").waitFor();
  await link.getByText(/unread/).waitFor({ state: "detached" }); // it counts as read
  await bob.rooms.getByRole("link", { name: quiet.name }).click();
  for (let n = 1; n <= 120; n++) await ada.say(busy.id, `missed ${n}.`);
  await link.getByText("120 unread messages").waitFor({ state: "attached" });
  await expect.poll(() => bob.page.title()).toMatch(/^\(120\) /);

  await link.click();
  await bob.button("Jump to first unread").click();
  await bob.message("missed 1.").waitFor();
  const divider = bob.log.getByRole("separator", { name: "New" });
  const [above, below] = await Promise.all([divider.boundingBox(), bob.message("missed 1.").boundingBox()]);
  expect(above!.y).toBeLessThan(below!.y);
  expect(below!.y - above!.y).toBeLessThan(80);
  await bob.button(/^Jump to newest/).click();
  await bob.message("missed 120.").waitFor();
  await link.getByText(/unread/).waitFor({ state: "detached" });
});

test("a long message is folded until one wants it", async ({ people }) => {
  const ada = await people.open("Ada");
  const room = await ada.api.createRoom(unique("long"));
  await ada.api.say(room.id, Array.from({ length: 60 }, (_, n) => `line ${n}.`).join("\n"));
  await ada.enter(room.id);
  const message = ada.message("line 0.");
  const folded = (await message.boundingBox())!.height;
  await message.getByRole("button", { name: "Show more" }).click();
  await expect.poll(async () => (await message.boundingBox())!.height).toBeGreaterThan(folded * 2);
});
