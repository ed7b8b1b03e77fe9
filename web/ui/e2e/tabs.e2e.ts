import { expect } from "vitest";
import { exactly } from "./harness/history.ts";
import { metric } from "./harness/server.ts";
import { test, unique } from "./harness/test.ts";

test("the tabs of a browser share a connection, and its holder is closed in the middle of sends", async ({
  people,
}) => {
  const [ada, bob] = [await people.open("Ada"), await people.open("Bob")];
  const room = await ada.api.createRoom(unique("tabs"));
  await bob.api.join(room.id);
  const tabs = [ada, await people.tab(ada), await people.tab(ada)];
  for (const p of [bob, ...tabs]) {
    await p.enter(room.id);
    await p.line("open");
  }
  await expect.poll(() => metric("confab_web_connections")).toBe(2);
  expect(tabs.flatMap((t) => [...t.sockets])).toHaveLength(1);

  const sent: string[] = [];
  for (let round = 1; tabs.length > 1; round++) {
    const holder = tabs.find((t) => t.sockets.size > 0)!;
    const other = tabs.find((t) => t !== holder)!;
    for (let n = 1; n <= 10; n++)
      for (const p of [holder, other, bob]) {
        const body = `${p === holder ? "holder" : p === other ? "other" : "bob"} ${round}.${n}.`;
        sent.push(body);
        await p.say(body);
      }
    await holder.page.close();
    tabs.splice(tabs.indexOf(holder), 1);
    for (let n = 11; n <= 15; n++) {
      sent.push(`other ${round}.${n}.`);
      await other.say(`other ${round}.${n}.`);
    }
    await expect.poll(() => tabs.flatMap((t) => [...t.sockets]).length).toBe(1);
  }
  await exactly(sent, room.id, bob, tabs[0]!);
  await expect.poll(() => metric("confab_web_connections")).toBe(2);
});

test("what one tab sends, another shows at once as its own", async ({ people }) => {
  const ada = await people.open("Ada");
  const room = await ada.api.createRoom(unique("two tabs"));
  const tab = await people.tab(ada);
  for (const p of [ada, tab]) await p.enter(room.id);
  for (const [from, to] of [
    [ada, tab],
    [tab, ada],
  ] as const) {
    const body = unique("hello");
    await from.say(body);
    await to.sees(body);
    await from.sees(body);
  }
});
