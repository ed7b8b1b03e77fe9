import { expect, test } from "vitest";
import { newKeys } from "./key.ts";

test("keys are UUIDv7 with the time in front, and sort by their making", () => {
  const key = newKeys(() => Date.parse("2026-11-24T06:00:00.123Z"));
  const keys = Array.from({ length: 100 }, key);
  expect(keys[0]).toMatch(/^01a20c23-c37b-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...keys].sort()).toStrictEqual(keys);
  expect(new Set(keys).size).toBe(100);
});
