import { describe, expect, it } from "vitest";
import { idle } from "../live/idle.ts";
import type { RoomLive } from "../live/live.ts";
import type { Room } from "../store/api.ts";
import { check, report, roomReports } from "./report.ts";

const live = (id: string, cursor: number, head = cursor): RoomLive => ({
  room: id,
  cursor,
  head,
  caughtUp: true,
  read: 0,
  unread: 0,
});
const listed = (id: string, head: number): Room => ({
  id,
  name: `Room ${id}`,
  visibility: "public",
  head,
  member: true,
});

describe("the check against the server's heads", () => {
  it("is content when nothing is missing", () => {
    const rooms = { a: live("a", 5), b: live("b", 2) };
    expect(check(rooms, rooms, [listed("a", 5), listed("b", 2), listed("other", 9)])).toEqual({
      rooms: 2,
      missing: 0,
      ahead: 0,
    });
  });

  it("finds a lost last event", () => {
    const rooms = { a: live("a", 4) };
    expect(check(rooms, rooms, [listed("a", 6)])).toMatchObject({ missing: 2 });
  });

  it("does not miss what came while it asked", () => {
    expect(check({ a: live("a", 4) }, { a: live("a", 6) }, [listed("a", 6)])).toMatchObject({
      missing: 0,
      ahead: 0,
    });
  });

  it("does not take a room that moved meanwhile for another history", () => {
    expect(check({ a: live("a", 6) }, { a: live("a", 8) }, [listed("a", 6)])).toMatchObject({ ahead: 0 });
    expect(check({ a: live("a", 7) }, { a: live("a", 8) }, [listed("a", 6)])).toMatchObject({ ahead: 1 });
  });
});

it("lists rooms with something missing first, and names those that it knows", () => {
  const rooms = { a: live("a", 5), b: live("b", 2, 4), c: live("c", 1) };
  expect(roomReports(rooms, [listed("a", 5), listed("b", 4)]).map((r) => [r.name, r.missing])).toEqual([
    ["Room b", 2],
    ["c", 0],
    ["Room a", 0],
  ]);
});

it("reports no text of a message", () => {
  const outbox = [{ key: "k", room: "a", body: "secret", position: 1, written: 0 }];
  const text = report({ ...idle, outbox }, [], new Date(0));
  expect(text).not.toContain("secret");
  expect(JSON.parse(text)).toMatchObject({ at: "1970-01-01T00:00:00.000Z", unsent: 1, status: "connecting" });
});
