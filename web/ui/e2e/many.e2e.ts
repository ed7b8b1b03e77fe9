import { expect } from "vitest";
import { Api } from "./harness/api.ts";
import { test, unique } from "./harness/test.ts";

test("among more rooms than are followed, the one that is open is live", async ({ people }) => {
  const [owner, bob] = [await Api.guest("Ada"), await Api.guest("Bob")];
  // Private, so that they are not in the lists of other tests.
  for (let n = 0; n < 230; n++) await owner.createRoom(unique(`many ${n}`), "private");
  const { rooms } = await owner.call<{ rooms: { id: string; member: boolean }[] }>("GET", "/rooms?limit=200");
  const mine = rooms.filter((r) => r.member).map((r) => r.id);
  const room = mine[0]!;
  await owner.call("PUT", `/rooms/${room}/members/${bob.user.id}`);
  const ada = await people.as(owner);
  let asked = 0;
  ada.page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => {
      if (String(payload).includes('"subscribe"')) asked++;
    });
  });
  await ada.enter(room);
  await ada.line("open");
  await expect.poll(() => asked).toBeGreaterThan(150);
  await bob.say(room, "of another");
  await ada.sees("of another");
  await ada.say("my own");
  await ada.sees("my own");

  // Another list is no reason to follow all of them again.
  const before = asked;
  const listed = ada.page.waitForResponse((r) => r.url().includes("/api/v1/rooms?"));
  await ada.page.evaluate(() => {
    dispatchEvent(new Event("visibilitychange"));
    dispatchEvent(new Event("focus"));
  });
  await listed;
  await bob.say(room, "after the list");
  await ada.sees("after the list");
  expect(asked - before).toBeLessThan(5);
});
