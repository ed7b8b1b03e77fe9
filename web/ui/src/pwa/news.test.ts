import { describe, expect, test } from "vitest";
import { idle } from "../live/idle.ts";
import type { LiveState, RoomLive } from "../live/live.ts";
import { roomAt } from "../rooms/path.ts";
import { News, totalUnread } from "./news.ts";
import { title } from "./useTitle.ts";

/** A room with messages up to `seq`, read up to `read`. */
function room(seq: number, read: number, over: Partial<RoomLive> & { by?: string } = {}): RoomLive {
  const { by = "bob", ...rest } = over;
  return {
    room: "r",
    cursor: seq,
    head: seq,
    caughtUp: true,
    read,
    unread: seq - read,
    last: {
      seq,
      id: `${seq}`,
      at: "",
      kind: "message.posted",
      key: "k",
      body: `m${seq}`,
      actor: { id: by, name: by },
    },
    ...rest,
  };
}
const state = (...rooms: RoomLive[]): LiveState => ({
  ...idle,
  rooms: Object.fromEntries(rooms.map((r) => [r.room, r])),
});

function opened(at: RoomLive): News {
  const news = new News("ada");
  expect(news.look(state(at), undefined)).toEqual([]);
  return news;
}

describe("what one is notified of", () => {
  test("nothing that was there when the app was opened", () => {
    const news = new News("ada");
    news.look(state(room(3, 1, { caughtUp: false })), undefined);
    expect(news.look(state(room(90, 1)), undefined)).toEqual([]);
    expect(news.any(state(room(90, 1)))).toBe(false);
  });

  test("a message of another", () => {
    const news = opened(room(5, 5));
    expect(news.any(state(room(6, 5)))).toBe(true);
    expect(news.look(state(room(6, 5)), undefined)).toMatchObject([
      { room: "r", count: 1, last: { seq: 6 } },
    ]);
  });

  test("once", () => {
    const news = opened(room(5, 5));
    news.look(state(room(6, 5)), undefined);
    expect(news.any(state(room(6, 5)))).toBe(false);
    expect(news.look(state(room(6, 5)), undefined)).toEqual([]);
  });

  test("each by itself, as they come", () => {
    const news = opened(room(5, 5));
    news.look(state(room(6, 5)), undefined);
    expect(news.look(state(room(7, 5)), undefined)).toMatchObject([{ count: 1, last: { seq: 7 } }]);
  });

  test("all that came while it was away as one, when it has caught up", () => {
    const news = opened(room(5, 5));
    expect(news.look(state(room(9, 5, { caughtUp: false })), undefined)).toEqual([]);
    expect(news.look(state(room(17, 5)), undefined)).toMatchObject([{ count: 12, last: { seq: 17 } }]);
  });

  test("not of one's own, of what was read elsewhere, or of the room one looks at", () => {
    expect(opened(room(5, 5)).look(state(room(6, 5, { by: "ada", unread: 0 })), undefined)).toEqual([]);
    expect(opened(room(5, 5)).look(state(room(6, 6)), undefined)).toEqual([]);
    const watching = opened(room(5, 5));
    expect(watching.look(state(room(6, 5)), "r")).toEqual([]);
    expect(watching.look(state(room(6, 5)), undefined), "nor afterwards").toEqual([]);
  });

  test("after reading, the count begins anew", () => {
    const news = opened(room(5, 1));
    news.look(state(room(5, 5)), undefined);
    expect(news.look(state(room(7, 5)), undefined)).toMatchObject([{ count: 2 }]);
  });

  test("rooms by themselves", () => {
    const news = new News("ada");
    const b = (seq: number) => room(seq, 1, { room: "b" });
    news.look(state(room(5, 5), b(1)), undefined);
    expect(news.look(state(room(6, 5), b(2)), "r").map((n) => n.room)).toEqual(["b"]);
  });
});

test("the title", () => {
  expect(title(3, "Square")).toBe("(3) Square – Confab");
  expect(title(0, undefined)).toBe("Confab");
});

test("unread in all rooms but those that one may not read any more", () => {
  const refused = room(9, 1, { room: "b", refused: { code: "not_found", message: "" } });
  expect(totalUnread(state(room(5, 3), refused))).toBe(2);
});

test("the room of a path", () => {
  expect(roomAt("/rooms/a%20b/42")).toBe("a b");
  expect(roomAt("/rooms/%")).toBeUndefined();
  expect(roomAt("/account")).toBeUndefined();
});
