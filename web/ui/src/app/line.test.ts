import { describe, expect, it } from "vitest";
import { idle } from "../live/idle.ts";
import type { LiveState, RoomLive } from "../live/live.ts";
import { behind, lineOf, unsentOf } from "./line.ts";

const open: LiveState = { ...idle, status: "open" };
const room = (id: string, over: Partial<RoomLive>): RoomLive => ({
  room: id,
  cursor: 0,
  head: 0,
  caughtUp: false,
  read: 0,
  unread: 0,
  ...over,
});

describe("the line in one word", () => {
  it("is offline without a network, whatever Live believes", () => {
    expect(lineOf(open, false)).toBe("offline");
  });

  it.each(["connecting", "waiting"] as const)("is reconnecting while %s", (status) => {
    expect(lineOf({ ...idle, status }, true)).toBe("reconnecting");
  });

  it("is catching up only when it takes long", () => {
    const far = { a: room("a", { head: 150 }), b: room("b", { head: 151, cursor: 100 }) };
    expect(lineOf({ ...open, rooms: far }, true)).toBe("catching-up");
    expect(lineOf({ ...open, rooms: { a: room("a", { head: 200 }) } }, true)).toBe("open");
  });

  it("is over when Live is", () => {
    expect(lineOf({ ...idle, status: "ended", ended: "forbidden" }, true)).toBe("ended");
  });
});

it("counts as behind neither rooms that have caught up nor those refused", () => {
  const refused = { code: "not_found", message: "no" };
  const rooms = {
    a: room("a", { head: 5, cursor: 2 }),
    b: room("b", { head: 9, caughtUp: true }),
    c: room("c", { head: 9, refused }),
  };
  expect(behind(rooms)).toBe(3);
});

it("counts as unsent what has no seq yet", () => {
  const message = { key: "k", room: "a", body: "hi", position: 1, written: 0 };
  const state = { ...open, outbox: [message, { ...message, room: "b" }, { ...message, seq: 7 }] };
  expect(unsentOf(state)).toBe(2);
  expect(unsentOf(state, "a")).toBe(1);
});
