import { describe, expect, it } from "vitest";
import { colour, initials } from "./avatar.ts";
import { fold } from "./fold.ts";
import { readPage } from "./page.ts";
import { message, noon } from "./samples.ts";
import { ago, dayName } from "./when.ts";

describe("ago", () => {
  const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
  it.each([
    [-5000, "now"],
    [59_000, "now"],
    [5 * MINUTE, "5 min"],
    [2 * HOUR, "10:00"],
    [13 * HOUR, "yesterday"],
    [3 * DAY, "Nov 21"],
    [400 * DAY, "Oct 20, 2025"],
  ])("%i ms", (age, words) => {
    expect(ago(noon - age, noon, "en")).toBe(words);
  });
  it("speaks German", () => {
    expect([ago(noon, noon, "de"), ago(noon - DAY, noon, "de")]).toEqual(["jetzt", "gestern"]);
    expect(dayName(noon - 3 * DAY, noon, "de")).toBe("Samstag, 21. November");
  });
});

describe("a long text", () => {
  it("is folded after 20 lines or 2,000 characters", () => {
    const lines = (n: number) => Array.from({ length: n }, (_, i) => `l${i}`).join("\n");
    expect(fold(lines(20))).toBeUndefined();
    expect(fold(lines(21))).toBe(`${lines(20)}…`);
    expect(fold("x".repeat(2000))).toBeUndefined();
    expect(fold("x".repeat(2001))).toBe(`${"x".repeat(2000)}…`);
  });
  it("is not cut through a character", () => {
    expect(fold("x".repeat(1999) + "😀".repeat(9))).toBe(`${"x".repeat(1999)}…`);
  });
});

describe("an avatar", () => {
  it("has up to two letters", () => {
    expect(["Ada Lovelace", "bob", "", "😀 x"].map(initials)).toEqual(["AL", "B", "?", "😀X"]);
  });
  it("has a contrast of 4.5 at least to its white letters", () => {
    for (let i = 0; i < 200; i++) {
      expect(1.05 / (luminance(colour(`user ${i}`)) + 0.05)).toBeGreaterThan(4.5);
    }
  });
});

it("a page is read up to the first event that is not where it must be", () => {
  const page = [message(8), message(9), message(11)];
  expect(readPage(page, 7).map((e) => e.seq)).toEqual([8, 9]);
  expect(readPage(page, 8)).toEqual([]);
});

// WCAG 2.2, relative luminance
function luminance(hsl: string): number {
  const [h = 0, s = 0, l = 0] = (hsl.match(/\d+/g) ?? []).map(Number);
  const part = (n: number) => {
    const k = (n + h / 30) % 12;
    const a = (s / 100) * Math.min(l / 100, 1 - l / 100);
    const c = l / 100 - a * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(0) + 0.7152 * part(8) + 0.0722 * part(4);
}
