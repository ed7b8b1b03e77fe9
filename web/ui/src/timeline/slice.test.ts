import { beforeEach, describe, expect, it } from "vitest";
import { idle } from "../live/idle.ts";
import { eventsCame, live, roomReset } from "../store/live.ts";
import { messages } from "./samples.ts";
import { headKnown, shown, timeline, type TimelineState, trimmed } from "./slice.ts";
import { first, isLive, last, MOST, type Window } from "./window.ts";

const { opening, opened, notOpened, asked, older, newer, failed } = timeline.actions;
type Action = Parameters<typeof timeline.reducer>[1];
let state: TimelineState;

function does(...actions: Action[]) {
  for (const a of actions) state = timeline.reducer(state, a);
}
function w(room = "r"): Window {
  const found = state.rooms[room];
  if (!found) throw new Error(`no window of ${room}`);
  return found;
}
const range = () => [first(w()), last(w())];
const page = (from: number, to: number, head = to) => ({ room: "r", events: messages(from, to), head });
const openedAt = (from: number, to: number, head = to, id = 1) => [
  opening({ room: "r", id }),
  opened({ id, ...page(from, to, head) }),
];
const comes = (from: number, to: number) => eventsCame({ room: "r", events: messages(from, to) });

beforeEach(() => {
  state = timeline.reducer(undefined, { type: "begin" });
});

describe("opening", () => {
  it("shows what came, at the live end or not", () => {
    does(...openedAt(51, 150));
    expect(range()).toEqual([51, 150]);
    expect(isLive(w())).toBe(true);
    does(...openedAt(51, 150, 900, 2));
    expect(isLive(w())).toBe(false);
  });

  it("keeps what is shown until the other place is there", () => {
    does(...openedAt(51, 150), opening({ room: "r", id: 2, target: { seq: 7, align: "center" } }));
    expect(range()).toEqual([51, 150]);
    does(opened({ id: 2, ...page(1, 57, 150) }));
    expect(range()).toEqual([1, 57]);
    expect(w()).toMatchObject({ id: 2, target: { seq: 7 }, head: 150 });
    expect(w().opening).toBeUndefined();
  });

  it("drops the answer to an opening that another one has overtaken", () => {
    does(opening({ room: "r", id: 1 }), opening({ room: "r", id: 2 }), opened({ id: 1, ...page(1, 9) }));
    expect(w().events).toEqual([]);
    does(notOpened({ room: "r", id: 1 }));
    expect(w().opening).toEqual({ id: 2, target: undefined, failed: false });
  });

  it("says when it failed", () => {
    does(opening({ room: "r", id: 1 }), notOpened({ room: "r", id: 1 }));
    expect(w().opening?.failed).toBe(true);
  });

  it("takes what came live meanwhile", () => {
    does(opening({ room: "r", id: 1 }), comes(151, 152), opened({ id: 1, ...page(51, 150) }));
    expect(range()).toEqual([51, 152]);
    expect(isLive(w())).toBe(true);
  });

  it("believes the answer's head, not one of another history", () => {
    does(...openedAt(51, 150, 900), ...openedAt(1, 20, 20, 2));
    expect(w().head).toBe(20);
  });
});

describe("pages", () => {
  beforeEach(() => {
    does(...openedAt(101, 200, 500));
  });

  it("lengthen the window at both ends", () => {
    does(asked({ room: "r", end: "before" }), asked({ room: "r", end: "after" }));
    expect(w()).toMatchObject({ before: "loading", after: "loading" });
    does(older({ id: 1, ...page(1, 100, 500) }), newer({ id: 1, ...page(201, 300, 510) }));
    expect(range()).toEqual([1, 300]);
    expect(w()).toMatchObject({ before: "idle", after: "idle", head: 510 });
  });

  it("of a window that has begun anew are dropped", () => {
    does(...openedAt(301, 400, 500, 2));
    const before = w();
    does(older({ id: 1, ...page(201, 300) }), newer({ id: 1, ...page(401, 450) }));
    does(failed({ room: "r", id: 1, end: "before" }));
    expect(w()).toBe(before);
  });

  it("that do not touch the window change nothing of it", () => {
    does(older({ id: 1, ...page(1, 99, 500) }), newer({ id: 1, ...page(202, 300, 500) }));
    expect(range()).toEqual([101, 200]);
  });

  it("that overlap add only what is new", () => {
    does(newer({ id: 1, ...page(150, 260, 500) }));
    expect(w().events.map((e) => e.seq)).toEqual(messages(101, 260).map((e) => e.seq));
  });

  it("that fail say so at their end, until asked for again", () => {
    does(failed({ room: "r", id: 1, end: "after" }));
    expect(w()).toMatchObject({ before: "idle", after: "failed" });
    does(asked({ room: "r", end: "after" }));
    expect(w().after).toBe("loading");
  });
});

describe("live events", () => {
  it("follow on at the live end", () => {
    does(...openedAt(101, 200), comes(201, 203));
    expect(range()).toEqual([101, 203]);
    expect(isLive(w())).toBe(true);
  });

  it("that are known change nothing", () => {
    does(...openedAt(101, 200));
    const before = w();
    does(comes(199, 200));
    expect(w()).toBe(before);
    does(comes(199, 201));
    expect(range()).toEqual([101, 201]);
  });

  it("after a gap wait for the page that closes it", () => {
    does(...openedAt(101, 200), comes(221, 230), comes(231, 233));
    expect(range()).toEqual([101, 200]);
    expect(w().head).toBe(233);
    expect(isLive(w())).toBe(false);
    does(newer({ id: 1, ...page(201, 225, 225) }));
    expect(range()).toEqual([101, 233]);
    expect(isLive(w())).toBe(true);
    expect(w().ahead).toEqual([]);
  });

  it("only move the head where the window is elsewhere", () => {
    does(...openedAt(1, 100, 900), comes(901, 901));
    expect(range()).toEqual([1, 100]);
    expect(w().head).toBe(901);
  });

  it("of a room that is not kept are not kept", () => {
    does(comes(1, 5));
    expect(state.rooms).toEqual({});
  });

  it("do not grow a window for ever that nobody looks at", () => {
    does(...openedAt(1, 100));
    for (let seq = 101; seq < 12_000; seq += 100) does(comes(seq, seq + 99));
    expect(w().events.length).toBeLessThanOrEqual(5 * MOST);
    expect(isLive(w())).toBe(true);
  });
});

describe("the window", () => {
  it("drops its far end", () => {
    does(...openedAt(1, 2300), trimmed({ room: "r", keep: "last" }));
    expect(range()).toEqual([301, 2300]);
    does(...openedAt(1, 2300, 2300, 2), trimmed({ room: "r", keep: "first" }));
    expect(range()).toEqual([1, MOST]);
    expect(isLive(w())).toBe(false);
  });

  it("learns of a newer head, not of an older", () => {
    does(...openedAt(1, 100), headKnown({ room: "r", head: 90 }));
    expect(w().head).toBe(100);
    does(headKnown({ room: "r", head: 120 }));
    expect(isLive(w())).toBe(false);
  });

  it("is kept for the ten rooms that were looked at last", () => {
    for (let n = 1; n <= 12; n++) {
      const room = `r${n}`;
      does(shown(room), opening({ room, id: n }), opened({ room, id: n, events: messages(1, 3), head: 3 }));
    }
    expect(state.recent).toHaveLength(10);
    expect(Object.keys(state.rooms).sort()).toEqual([...state.recent].sort());
    expect(state.rooms.r2).toBeUndefined();
    expect(state.rooms.r12).toBeDefined();
  });

  it("is forgotten at a reset and at sign-out; late answers do not bring it back", () => {
    does(
      ...openedAt(1, 100),
      opening({ room: "r", id: 2 }),
      roomReset("r"),
      opened({ id: 2, ...page(1, 9) }),
    );
    expect(state.rooms.r?.events ?? []).toEqual([]);
    does(...openedAt(1, 100), live.actions.changed(idle), live.actions.signedOut());
    expect(state).toEqual({ rooms: {}, recent: [] });
  });
});
