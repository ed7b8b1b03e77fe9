import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const all = css("../styles.css") + css("./code.css");

function colours(selector: string): Record<string, string> {
  const rules = all.matchAll(new RegExp(`${selector} \\{([^}]*)\\}`, "g"));
  const out: Record<string, string> = {};
  for (const [, body = ""] of rules)
    for (const [, name = "", value = ""] of body.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)) out[name] = value;
  return out;
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

test.each([
  ["light", ":root"],
  ["dark", ':root\\[data-theme="dark"\\]'],
])("code can be read in the %s theme", (_, selector) => {
  const c = colours(selector);
  const ground = luminance(c["c-code"] ?? "");
  const names = Object.keys(c).filter((n) => n.startsWith("hl-"));
  expect(names).toHaveLength(8);
  for (const name of names) {
    const l = luminance(c[name] ?? "");
    expect((Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05), name).toBeGreaterThanOrEqual(4.5);
  }
});
