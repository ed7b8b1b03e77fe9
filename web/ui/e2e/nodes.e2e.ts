import { expect } from "vitest";
import { exactly } from "./harness/history.ts";
import { servers, start, stop } from "./harness/server.ts";
import { test, unique } from "./harness/test.ts";

test("two people at different nodes chat", async ({ people }) => {
  const [ada, bob] = [await people.open("Ada"), await people.open("Bob")];
  const room = await ada.api.createRoom(unique("nodes"));
  await bob.api.join(room.id);
  await ada.enter(room.id);
  await ada.line("open");
  await expect
    .poll(async () => {
      await bob.enter(room.id); // NGINX gives it the node with the fewest connections
      await bob.line("open");
      return bob.node;
    })
    .not.toBe(ada.node);
  await ada.say("from one node");
  await bob.sees("from one node");
  await bob.say("to the other");
  await ada.sees("to the other");
});

test("every node is restarted, one after the other, while two people chat", async ({ people }) => {
  const [ada, bob] = [await people.open("Ada"), await people.open("Bob")];
  for (const p of [ada, bob]) p.watch.excuse(/WebSocket|status of 50\d/, "nodes are restarted");
  const room = await ada.api.createRoom(unique("rolling"));
  await bob.api.join(room.id);
  for (const p of [ada, bob]) await p.enter(room.id);
  const sent: string[] = [];
  const chat = async () => {
    for (const p of [ada, bob]) {
      const body = `${p.api.user.name} ${sent.length}.`;
      sent.push(body);
      await p.say(body);
    }
  };
  for (let n = 0; n < (await servers()).length; n++) {
    for (const change of [stop, start]) {
      let over = false;
      const changed = change(n).finally(() => (over = true));
      do await chat();
      while (!(over as boolean)); // what finally assigns, the compiler does not see
      await changed;
    }
  }
  await exactly(sent, room.id, ada, bob);
});
