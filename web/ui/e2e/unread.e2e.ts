import type { WebSocketRoute } from "playwright-core";
import { expect } from "vitest";
import { Api, type LoggedEvent, type Room } from "./harness/api.ts";
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
  const other = await ada.api.createRoom(unique("long, too"));
  const body = Array.from({ length: 60 }, (_, n) => `line ${n}.`).join("\n");
  const bob = await Api.guest("Bob");
  for (const { id } of [room, other]) {
    await bob.join(id);
    await bob.say(id, body);
  }
  await ada.enter(room.id);
  const message = ada.message("line 0.");
  const folded = (await message.boundingBox())!.height;
  await message.getByRole("button", { name: "Show more" }).click();
  await expect.poll(async () => (await message.boundingBox())!.height).toBeGreaterThan(folded * 2);
  await ada.rooms.getByRole("link", { name: other.name }).click();
  await ada.message("line 0.").getByRole("button", { name: "Show more" }).waitFor();
});

test("after a history that is another, what is looked at is read", async ({ people }) => {
  const [ada, bob] = [await people.open("Ada"), await Api.guest("Bob")];
  const room = await ada.api.createRoom(unique("restored"));
  await bob.join(room.id);
  for (let n = 1; n <= 20; n++) await bob.say(room.id, `lost ${n}.`);
  const log = (await ada.api.events(room.id)).slice(0, 5);
  let restored = false; // from a backup, with the first events of the room only
  let socket: WebSocketRoute | undefined;
  const says = (frame: object) => socket?.send(JSON.stringify({ room: room.id, ...frame }));
  const came = ({ seq, ...event }: LoggedEvent) => says({ type: "event", seq, event });
  await ada.page.routeWebSocket("**/ws", (page) => {
    socket = page;
    const server = page.connectToServer();
    server.onMessage((frame) => {
      const f = JSON.parse(String(frame)) as { room?: string; heads?: Record<string, number> };
      delete f.heads?.[room.id];
      if (!restored) page.send(frame);
      else if (f.room !== room.id) page.send(JSON.stringify(f));
    });
    page.onMessage((frame) => {
      const { type, id, room: of, epoch } = JSON.parse(String(frame)) as Record<string, string>;
      if (!restored || of !== room.id) server.send(frame);
      else if (type === "subscribe" && epoch !== "restored")
        says({ type: "reset", id, epoch: "restored", head: log.length });
      else if (type === "subscribe") {
        says({ type: "subscribed", id, epoch, head: log.length });
        log.forEach(came);
        says({ type: "caught_up", seq: log.length });
      }
    });
  });
  await ada.page.route("**/api/v1/rooms?*", async (route) => {
    const answer = await route.fetch();
    const json = (await answer.json()) as { rooms: Room[] };
    for (const r of json.rooms) if (restored && r.id === room.id) r.head = log.length;
    await route.fulfill({ json });
  });
  await ada.page.route(`**/rooms/${room.id}/events?*`, async (route) => {
    const after = Number(new URL(route.request().url()).searchParams.get("after"));
    const events = log.filter((e) => e.seq > after);
    if (restored) await route.fulfill({ json: { events, head: log.length, more: false } });
    else await route.continue();
  });
  await ada.enter(room.id);
  await ada.sees("lost 20.");
  await ada.line("open");
  const unread = ada.rooms.getByRole("link", { name: room.name }).getByText(/unread/);
  await unread.waitFor({ state: "detached" });

  restored = true;
  await socket?.close();
  await ada.message("lost 20.").waitFor({ state: "detached" });
  await ada.line("open");
  log.push({ ...log.at(-1)!, seq: log.length + 1, key: "new", body: "new" });
  came(log.at(-1)!);
  await ada.sees("new");
  await unread.waitFor({ state: "detached" });
});
