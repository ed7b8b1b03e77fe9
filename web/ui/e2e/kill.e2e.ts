import { exactly } from "./harness/history.ts";
import type { Person } from "./harness/person.ts";
import { kill, mode, start } from "./harness/server.ts";
import { test, unique } from "./harness/test.ts";

/** The number of the server that somebody is connected to. */
const serverOf = (p: Person) => (mode === "embedded" ? 0 : Number(/\d+$/.exec(p.node ?? "")?.[0] ?? 1) - 1);

test("the server is killed and restarted while 200 messages are sent", async ({ people }) => {
  const [ada, bob] = [await people.open("Ada"), await people.open("Bob")];
  for (const p of [ada, bob])
    p.watch.excuse(/WebSocket|ERR_|status of 50\d/, "the server is dead for a while");
  const room = await ada.api.createRoom(unique("kill"));
  await bob.api.join(room.id);
  for (const p of [ada, bob]) {
    await p.enter(room.id);
    await p.line("open");
  }
  const sent: string[] = [];
  const say = (p: Person, from: number, to: number) =>
    (async () => {
      for (let n = from; n <= to; n++) {
        sent.push(`${p.api.user.name} ${n}.`);
        await p.say(`${p.api.user.name} ${n}.`);
      }
    })();
  const both = (from: number, to: number) => Promise.all([say(ada, from, to), say(bob, from, to)]);

  await both(1, 30);
  const victim = serverOf(ada);
  await Promise.all([both(31, 50), kill(victim)]);
  await both(51, 60);
  await Promise.all([both(61, 80), start(victim)]);
  await both(81, 100);
  await exactly(sent, room.id, ada, bob);
  for (const p of [ada, bob]) await p.line("open");
});
