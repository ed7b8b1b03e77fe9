import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Drafts, type Keeper } from "./drafts.ts";

class Memory implements Keeper {
  readonly kept = new Map<string, string>();
  full = false;
  getItem = (k: string) => this.kept.get(k) ?? null;
  setItem = (k: string, v: string) => {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.kept.set(k, v);
  };
  removeItem = (k: string) => void this.kept.delete(k);
}

let memory: Memory;
const open = (user = "ada") => new Drafts(user, () => memory);

beforeEach(() => {
  vi.useFakeTimers();
  memory = new Memory();
});
afterEach(() => vi.useRealTimers());

test("a draft is kept soon, over a reload, per room and user", () => {
  const d = open();
  d.set("r1", "hel");
  d.set("r1", "hello");
  d.set("r2", "there");
  expect(memory.kept.size).toBe(0);
  vi.advanceTimersByTime(300);
  expect(open().get("r1")).toBe("hello");
  expect(open().get("r2")).toBe("there");
  expect(open("bob").get("r1")).toBe("");
});

test("a page that goes away keeps at once", () => {
  const d = open();
  d.set("r", "typed");
  d.flush();
  expect(open().get("r")).toBe("typed");
});

test("what was sent leaves nothing", () => {
  const d = open();
  d.set("r", "typed");
  d.flush();
  d.set("r", "");
  expect(d.get("r")).toBe("");
  d.flush();
  expect(memory.kept.size).toBe(0);
});

test("what is sent in a tab takes nothing that is written in another", () => {
  const [one, other] = [open(), open()];
  one.set("r", "one");
  one.set("r", ""); // it was sent
  other.set("r", "other");
  other.flush();
  vi.advanceTimersByTime(300);
  expect(open().get("r")).toBe("other");
});

test("the last tab that wrote wins", () => {
  const [one, other] = [open(), open()];
  one.set("r", "one");
  one.flush();
  other.set("r", "other");
  other.flush();
  one.flush(); // has nothing new to say
  expect(one.get("r")).toBe("other");
});

test("a browser that keeps nothing: the draft lives in the page, and is kept when there is room", () => {
  memory.full = true;
  const d = open();
  d.set("r", "typed");
  d.flush();
  expect(d.get("r")).toBe("typed");
  memory.full = false;
  d.flush();
  expect(open().get("r")).toBe("typed");
  const forbidden = new Drafts("ada", () => {
    throw new DOMException("denied", "SecurityError");
  });
  forbidden.set("r", "typed");
  forbidden.flush();
  expect(forbidden.get("r")).toBe("typed");
  expect(forbidden.get("other")).toBe("");
});
