import { describe, expect, it } from "vitest";
import type { RoomLive } from "../live/live.ts";
import type { Room } from "../store/api.ts";
import { beside, byActivity, matching, others } from "./order.ts";

const room = (name: string, member = true): Room => ({
  id: name.toLowerCase(),
  name,
  visibility: "public",
  head: 1,
  member,
});
const quiet = (id: string, unread = 0): RoomLive => ({
  room: id,
  cursor: 1,
  head: 1,
  caughtUp: true,
  read: 0,
  unread,
});
const spoken = (id: string, at: string): RoomLive => ({
  ...quiet(id),
  last: {
    kind: "message.posted",
    seq: 1,
    id: "e",
    at,
    actor: { id: "u", name: "ada" },
    key: "k",
    body: "hi",
  },
});
const names = (rooms: readonly Room[]) => rooms.map((r) => r.name);

describe("the order of the rooms", () => {
  const rooms = [
    room("Zoo"),
    room("Old"),
    room("Attic"),
    room("New"),
    room("Shop", false),
    room("Bar", false),
  ];

  it("has the newest message first, then those without any by name", () => {
    const known = {
      old: spoken("old", "2026-01-01T00:00:00.000Z"),
      new: spoken("new", "2026-01-02T00:00:00.000Z"),
    };
    expect(names(byActivity(rooms, known))).toEqual(["New", "Old", "Attic", "Zoo"]);
  });

  it("has by name those that one is not in", () => {
    expect(names(others(rooms))).toEqual(["Bar", "Shop"]);
  });
});

describe("the filter", () => {
  it("finds every word anywhere in the name, whatever its case", () => {
    const rooms = [room("Big Red House"), room("Red Car")];
    expect(names(matching(rooms, "HOUSE red"))).toEqual(["Big Red House"]);
    expect(names(matching(rooms, " "))).toEqual(["Big Red House", "Red Car"]);
  });
});

describe("the room beside the open one", () => {
  const [a, b, c] = [room("A"), room("B"), room("C")];
  const all = [a, b, c];

  it("goes round at both ends", () => {
    expect(beside(all, "c", 1)).toBe(a);
    expect(beside(all, "a", -1)).toBe(c);
    expect(beside(all, "b", 1)).toBe(c);
  });

  it("begins at the ends when no room is open", () => {
    expect(beside(all, undefined, 1)).toBe(a);
    expect(beside(all, undefined, -1)).toBe(c);
  });

  it("skips what has been read when unread ones are asked for", () => {
    const known = { a: quiet("a"), b: quiet("b"), c: quiet("c", 2) };
    expect(beside(all, "a", 1, known)).toBe(c);
    expect(beside(all, "c", 1, known)).toBeUndefined();
  });

  it("is none in an empty list", () => {
    expect(beside([], undefined, 1)).toBeUndefined();
  });
});
