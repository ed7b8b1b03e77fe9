import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import { metric } from "./harness/server.ts";
import { test, unique } from "./harness/test.ts";

test("an event that does not come in its order is seen, told, counted and healed", async ({ people }) => {
  const ada = await Api.guest("Ada");
  const room = await ada.createRoom(unique("sequence"));
  const bob = await people.open("Bob");
  await bob.api.join(room.id);
  let swallowed = false;
  // The line between them loses one frame, which no honest line does.
  await bob.page.routeWebSocket(/\/ws$/, (page) => {
    page.connectToServer().onMessage((frame) => {
      const lost = !swallowed && String(frame).includes('"body":"two"');
      swallowed ||= lost;
      if (!lost) page.send(frame);
    });
  });
  const before = await metric("confab_web_client_violations_total");
  await bob.enter(room.id);
  await bob.line("open");
  for (const body of ["one", "two", "three"]) await ada.say(room.id, body);
  await bob.sees("three");
  expect(swallowed).toBe(true);
  expect((await bob.shown()).map((m) => m.body)).toEqual(["one", "two", "three"]);
  await expect.poll(() => metric("confab_web_client_violations_total")).toBe(before + 1);

  await bob.button("Connection").click();
  const panel = bob.page.getByRole("dialog", { name: "Connection" });
  await panel.getByText("5 came where 4 was due").waitFor();
  await panel.getByText(/You have everything/).waitFor();
});
