import { describe, expect, it } from "vitest";
import type { Sequenced } from "../live/live.ts";
import { firstUnread, indexOf, notIn, type Row, rowsOf } from "./rows.ts";
import { ada, bob, joined, message, messages, noon, pending } from "./samples.ts";

const MINUTE = 60_000;
const rows = (events: Sequenced[], more: Partial<Parameters<typeof rowsOf>[0]> = {}) =>
  rowsOf({ events, pending: [], me: ada, ...more });
const leads = (list: Row[]) => list.map((r) => r.type === "message" && r.lead);

describe("messages", () => {
  it("of one author within five minutes stand together", () => {
    const list = rows([
      message(1),
      message(2, ada, noon + 4 * MINUTE),
      message(3, ada, noon + 10 * MINUTE),
      message(4, bob, noon + 10 * MINUTE),
      message(5, ada, noon + 10 * MINUTE),
    ]);
    expect(leads(list)).toEqual([true, false, true, true, true]);
  });

  it("of another day begin one", () => {
    const midnight = new Date(2026, 10, 25).getTime();
    const list = rows([
      message(1, ada, midnight - MINUTE),
      message(2, ada, midnight),
      message(3, ada, midnight),
    ]);
    expect(list.map((r) => r.day)).toEqual([true, true, false]);
    expect(leads(list)).toEqual([true, true, false]);
  });

  it("begin again after something else and below the divider", () => {
    expect(leads(rows([message(1), joined(2, bob), message(3)]))).toEqual([true, false, true]);
    const list = rows(messages(1, 3), { divider: 2 });
    expect(list.map((r) => r.unread)).toEqual([false, true, false]);
    expect(leads(list)).toEqual([true, true, false]);
  });

  it("are mine or not", () => {
    const list = rows([message(1, ada), message(2, bob)]);
    expect(list.map((r) => r.type === "message" && r.own)).toEqual([true, false]);
  });

  it("that did not change are the same rows when older and newer ones come", () => {
    const events = messages(1, 9);
    const before = rows(events.slice(3, 6));
    const after = rows(events);
    expect(after[4]).toBe(before[1]);
    expect(after[3]).not.toBe(before[0]); // it no longer is the first of the day
  });
});

describe("joins", () => {
  it("in a row are one, with the key of the newest", () => {
    const list = rows([joined(1, ada), joined(2, bob), joined(3, { id: "c", name: "Cy" }), message(4)]);
    expect(list).toHaveLength(2);
    expect(list[0]).toMatchObject({ type: "system", from: 1, seq: 3, key: "seq 3" });
    expect(indexOf(list, 2)).toBe(0);
    expect(indexOf(list, 4)).toBe(1);
    expect(indexOf(list, 5)).toBe(-1);
  });

  it("by another's hand, of another day or below the divider stand alone", () => {
    expect(rows([joined(1, ada), joined(2, bob, ada), joined(3, bob)])).toHaveLength(3);
    expect(rows([joined(1, ada), joined(2, bob, bob, noon + 24 * 60 * MINUTE)])).toHaveLength(2);
    expect(rows([joined(1, ada), joined(2, bob)], { divider: 2 })).toHaveLength(2);
  });
});

describe("pending messages", () => {
  it("stand at the end, keyed as they will be in the log", () => {
    const [, waiting] = rows([message(1, bob)], { pending: [pending("k2")] });
    const [, posted] = rows([message(1, bob), message(2, ada)]);
    expect(waiting).toMatchObject({ state: "pending", own: true, lead: true });
    expect(waiting?.seq).toBeUndefined();
    expect(posted?.key).toBe(waiting?.key);
  });

  it("of another with the same key are not mixed up", () => {
    const list = rows([message(1, bob)], { pending: [pending("k1")] });
    expect(new Set(list.map((r) => r.key)).size).toBe(2);
    expect(notIn([message(1, bob)], [pending("k1")], ada)).toHaveLength(1);
  });

  it("that are in the log are not shown again", () => {
    expect(notIn([message(1, ada)], [pending("k1"), pending("k2")], ada).map((p) => p.key)).toEqual(["k2"]);
    expect(notIn(messages(5, 9), [pending("x", { seq: 3 }), pending("y", { seq: 10 })], ada)).toHaveLength(1);
  });

  it("that failed say why", () => {
    const failed = { code: "forbidden", message: "" };
    expect(rows([], { pending: [pending("k", { failed })] })[0]).toMatchObject({ state: "failed", failed });
  });
});

describe("the first unread", () => {
  const events = [message(4), message(5, bob), joined(6, bob), message(7, ada), message(8, bob)];
  it("is the first message of another after the read position", () => {
    expect(firstUnread(events, ada, 4, 8)).toBe(5);
    expect(firstUnread(events, ada, 5, 8)).toBe(8);
    expect(firstUnread(events, ada, 5, 7)).toBeUndefined();
    expect(firstUnread(events, ada, 8, 8)).toBeUndefined();
  });
  it("is not known where the events do not reach back to it", () => {
    expect(firstUnread(events, ada, 2, 8)).toBeUndefined();
    expect(firstUnread([], ada, 0, 8)).toBeUndefined();
  });
});
