import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const all = css("../styles.css") + css("./code.css");

/** The colours of the light (0) or dark (1) theme. */
function colours(theme: 0 | 1): Record<string, string> {
  const pairs = all.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g);
  return Object.fromEntries([...pairs].map(([, name = "", ...both]) => [name, both[theme] ?? ""]));
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

test.each([
  ["light", 0],
  ["dark", 1],
] as const)("code can be read in the %s theme", (_, theme) => {
  const c = colours(theme);
  const ground = luminance(c["c-code"] ?? "");
  const names = Object.keys(c).filter((n) => n.startsWith("hl-"));
  expect(names).toHaveLength(8);
  for (const name of names) {
    const l = luminance(c[name] ?? "");
    expect((Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05), name).toBeGreaterThanOrEqual(4.5);
  }
});
