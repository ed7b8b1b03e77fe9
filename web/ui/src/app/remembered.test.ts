import { beforeEach, expect, test, vi } from "vitest";
import { forgetUser, rememberedRooms, rememberedUser, rememberRooms, rememberUser } from "./remembered.ts";

const ada = "user-ada";
const room = { id: "room", name: "Room", visibility: "public", head: 3, member: true } as const;
let items: Map<string, string>;

beforeEach(() => {
  items = new Map();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => items.set(key, value),
    removeItem: (key: string) => items.delete(key),
  });
  return () => vi.unstubAllGlobals();
});

test("the rooms that were seen last are there again", () => {
  rememberRooms(ada, [room]);
  expect(rememberedRooms(ada)).toEqual([room]);
});

test("what is no list of rooms is not there: the app could not open with it, ever", () => {
  rememberRooms(ada, [room]);
  const key = [...items.keys()].join();
  for (const rubbish of ["{", "{}", "[1]", "[null]", "[{}]", '[{"id":"room","head":3}]']) {
    items.set(key, rubbish);
    expect(rememberedRooms(ada), rubbish).toBeUndefined();
  }
});

test("whose session ended is forgotten, and not who signed in meanwhile", () => {
  const eve = { id: "user-eve", name: "Eve" };
  rememberRooms(ada, [room]);
  rememberUser(eve);
  rememberRooms(eve.id, [room]);
  forgetUser(ada);
  expect(rememberedRooms(ada)).toBeUndefined();
  expect(rememberedUser()).toEqual(eve);
  expect(rememberedRooms(eve.id)).toEqual([room]);
  forgetUser();
  expect(items.size).toBe(0);
});
