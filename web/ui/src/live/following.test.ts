import { describe, expect, test } from "vitest";
import { browser, following, kept, leader, net, pass, seqs, staged } from "./testing/stage.ts";

staged();

describe("following a room", () => {
  test("begins shortly before the head, which counts as read", async () => {
    const tab = await following(60);
    expect(net.asked()).toMatchObject({ room: "R", after: 10 });
    expect(tab.seqs("R")).toStrictEqual(seqs(11, 60));
    expect(tab.state).toMatchObject({ status: "open", leader: true, node: "n1", maxBody: 100 });
    expect(tab.state.rooms.R).toMatchObject({ cursor: 60, head: 60, epoch: "E", caughtUp: true });
    expect(tab.state.rooms.R).toMatchObject({ read: 60, unread: 0, last: { seq: 60, body: "body 60" } });
    expect(tab.states.at(-1)).toBe(tab.state);
  });

  test("again does nothing", async () => {
    const tab = await following(3);
    tab.live.follow("R", 3);
    await pass();
    expect(net.socket.sent.filter((f) => f.type === "subscribe")).toHaveLength(1);
  });

  test("goes on from the kept cursor after a restart, in its epoch; rooms and events are there at once", async () => {
    (await following(60)).kill();
    const tab = browser.tab();
    await pass();
    expect(tab.state.rooms.R).toMatchObject({ cursor: 60, head: 60, caughtUp: false, read: 60 });
    expect(await kept(tab)).toStrictEqual(seqs(11, 60));
    tab.live.follow("R", 62);
    await pass();
    expect(tab.state.rooms.R).toMatchObject({ cursor: 60, head: 62 });
    net.welcomed();
    await pass();
    expect(net.asked()).toMatchObject({ after: 60, epoch: "E" });
    net.serves(62);
    await pass();
    expect(tab.seqs("R")).toStrictEqual([61, 62]);
    expect(tab.state.rooms.R?.unread).toBe(2);
  });

  test.each([
    ["known when it is asked for", 9000],
    ["known when the server says it", 3],
  ])("far behind it goes on near the end, and says about how much is unread: %s", async (_, head) => {
    (await following(3)).kill();
    const tab = await leader();
    tab.live.follow("R", head);
    await pass();
    net.subscribed(9000);
    await pass();
    expect(net.asked()).toMatchObject({ after: 8950 });
    net.serves(9000);
    await pass();
    expect(tab.seqs("R")).toStrictEqual(seqs(8951, 9000));
    expect(tab.state.rooms.R).toMatchObject({ read: 3, unread: 8997, cursor: 9000 });
    tab.live.read("R", 8990);
    await pass();
    expect(tab.state.rooms.R?.unread).toBe(10);
    expect(await kept(tab)).toStrictEqual(seqs(8951, 9000)); // the old ones, before the gap, are gone
  });

  test("keeps the newest events, contiguous up to the cursor", async () => {
    const tab = await following(1);
    net.events(2, 700);
    expect(await kept(tab)).toStrictEqual(seqs(401, 700));
  });

  test("a reset is told before what comes after it, and begins near the end", async () => {
    const tab = await following(60);
    net.events(61, 61);
    net.socket.says({ type: "reset", id: net.asked()?.id, room: "R", epoch: "F", head: 5 });
    expect(net.asked()).toMatchObject({ after: 0, epoch: "F" });
    net.serves(5, "R", "F");
    await pass();
    expect(tab.calls.filter((c) => c !== "changed").slice(-2)).toStrictEqual([
      "reset R",
      "events R 1 2 3 4 5",
    ]);
    expect(tab.state.rooms.R).toMatchObject({ cursor: 5, head: 5, epoch: "F", read: 5, unread: 0 });
    expect(await kept(tab)).toStrictEqual([1, 2, 3, 4, 5]);
  });

  test("a room that may not be read any more is refused, and not kept", async () => {
    const tab = await following(3);
    const why = { code: "not_found", message: "no such room" };
    net.socket.says({ type: "error", id: net.asked()?.id, room: "R", ...why });
    await pass();
    expect(tab.state.rooms.R?.refused).toStrictEqual(why);
    expect(tab.state.rooms.R?.last).toBeUndefined();
    expect(await kept(tab)).toStrictEqual([]);
    tab.kill();
    const next = browser.tab();
    await pass();
    expect(next.state.rooms).toStrictEqual({});
  });

  test("a room that is forgotten is gone, and not kept", async () => {
    const tab = await following(3);
    tab.live.forget("R");
    await pass();
    expect(tab.state.rooms).toStrictEqual({});
    expect(net.socket.last("unsubscribe")).toMatchObject({ room: "R" });
    expect(await kept(tab)).toStrictEqual([]);
    tab.live.forget("never known");
    await pass();
    expect(tab.errors).toStrictEqual([]);
  });

  test("at most 200 rooms are followed; who asked last has the place", async () => {
    const tab = await leader();
    for (let i = 0; i < 201; i++) tab.live.follow(`R${i}`, 0);
    await pass();
    const unsubscribed = () => net.socket.sent.filter((f) => f.type === "unsubscribe").map((f) => f.room);
    expect(unsubscribed()).toStrictEqual(["R0"]);
    tab.live.follow("R1", 0);
    tab.live.follow("R0", 0);
    await pass();
    expect(unsubscribed()).toStrictEqual(["R0", "R2"]);
    expect(tab.state.rooms.R2).toMatchObject({ head: 0, cursor: 0, caughtUp: false });
    expect(Object.keys(tab.state.rooms)).toHaveLength(201);
  });
});

describe("unread", () => {
  test("messages of others after the read position", async () => {
    const tab = await following(3);
    net.events(4, 6);
    net.events(7, 7, { actor: "u1" });
    const joined = {
      kind: "member.joined",
      id: "j",
      at: "",
      actor: { id: "u3", name: "eve" },
      role: "member",
    };
    net.socket.says({ type: "event", room: "R", seq: 8, event: { ...joined, user: joined.actor } });
    await pass();
    expect(tab.state.rooms.R).toMatchObject({ read: 3, unread: 3 });
    tab.live.read("R", 5);
    await pass();
    expect(tab.state.rooms.R).toMatchObject({ read: 5, unread: 1 });
    tab.live.read("R", 4);
    await pass();
    expect(tab.state.rooms.R).toMatchObject({ read: 5, unread: 1 });
  });

  test("is shared by all tabs and kept", async () => {
    const tab = await following(3);
    net.events(4, 6);
    const other = browser.tab();
    await pass();
    expect(other.state.rooms.R?.unread).toBe(3);
    other.live.read("R", 5);
    await pass();
    expect(tab.state.rooms.R?.unread).toBe(1);
    tab.kill();
    other.kill();
    const next = browser.tab();
    await pass();
    expect(next.state.rooms.R).toMatchObject({ read: 5, unread: 1 });
  });
});
