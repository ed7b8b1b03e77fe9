import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, test } from "vitest";
import { IndexedDBStore } from "./idb.ts";
import { MemoryStore, type Message, type Store } from "./store.ts";

let factory: IDBFactory;
beforeEach(() => {
  factory = new IDBFactory();
});

const message = (key: string, position: number): Message => ({
  key,
  room: "R",
  body: "hi",
  position,
  written: 1,
});

// What every store does.
describe.each<[string, () => Store]>([
  ["memory", () => new MemoryStore()],
  ["IndexedDB", () => new IndexedDBStore("ada", factory)],
])("a store: %s", (_, make) => {
  test("loads what was put, the newest of each key, without what was removed", async () => {
    const store = make();
    expect(await store.load()).toStrictEqual([]);
    const failed = { ...message("a", 1), failed: { code: "forbidden", message: "no" } };
    await Promise.all([
      store.put(message("a", 1)),
      store.put(message("b", 2)),
      store.put(failed),
      store.remove("b"),
      store.remove("c"),
    ]);
    expect(await store.load()).toStrictEqual([failed]);
  });
});

test("IndexedDB keeps messages over a reload, each user's apart", async () => {
  await new IndexedDBStore("ada", factory).put(message("a", 1));
  expect(await new IndexedDBStore("ada", factory).load()).toStrictEqual([message("a", 1)]);
  expect(await new IndexedDBStore("bob", factory).load()).toStrictEqual([]);
});

test("IndexedDB lets another tab delete the database, and opens it anew", async () => {
  const store = new IndexedDBStore("ada", factory);
  await store.put(message("a", 1));
  await new Promise((resolve) => {
    factory.deleteDatabase("ada").onsuccess = resolve;
  });
  await store.put(message("b", 2));
  expect(await store.load()).toStrictEqual([message("b", 2)]);
});

test("IndexedDB that cannot be opened fails, and is tried again", async () => {
  const open = factory.open.bind(factory);
  factory.open = () => {
    throw new Error("not in a private window");
  };
  const store = new IndexedDBStore("ada", factory);
  await expect(store.put(message("a", 1))).rejects.toThrow("private");
  factory.open = open;
  await store.put(message("a", 1));
  expect(await store.load()).toHaveLength(1);
});
