import { expect, test } from "vitest";
import { named, search } from "./emoji.ts";

test("names of GitHub's emoji", () => {
  expect(named("smile")).toBe("😄");
  expect(named("SMILE")).toBe("😄");
  expect(named("+1")).toBe("👍");
  expect(named("constructor")).toBeUndefined();
});

test("those whose name begins so come first, the common ones before", () => {
  const names = search("smi", 8).map((e) => e.name);
  expect(names.slice(0, 4)).toEqual([
    "smiley",
    "smile",
    "smiling_face_with_three_hearts",
    "smiling_face_with_tear",
  ]);
  expect(search("heart", 8)[0]).toEqual({ emoji: "❤️", name: "heart" });
});

test("a word of the name, then what it stands for", () => {
  expect(search("cry", 8)[0]?.name).toBe("cry");
  expect(search("lol", 8).map((e) => e.name)).toContain("lollipop");
  expect(search("hooray", 8).map((e) => e.name)).toContain("tada");
  expect(search("zzzzz", 8)).toEqual([]);
});

test("not more than asked for, each once", () => {
  const found = search("fa", 8);
  expect(found).toHaveLength(8);
  expect(new Set(found.map((e) => e.emoji)).size).toBe(8);
});
