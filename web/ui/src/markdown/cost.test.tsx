import { renderToStaticMarkup } from "react-dom/server";
import { beforeAll, expect, test } from "vitest";
import { Markdown } from "./Markdown.tsx";
import { blocksOf, loaded } from "./reader.ts";
import { type Block, countBlocks } from "./tree.ts";

beforeAll(() => loaded);

const fill = (s: string) => s.repeat(Math.ceil(8192 / s.length)).slice(0, 8192);

const HOSTILE = {
  quotes: fill(">"),
  "quotes apart": fill("> "),
  "quoted lines": fill(">>>> a\n"),
  brackets: fill("["),
  "link starts": fill("[a]("),
  "image starts": fill("![a]("),
  parentheses: "[a](" + fill("("),
  "closing brackets": "[".repeat(4096) + "]".repeat(4096),
  marks: fill("*_"),
  "nested marks": fill("*a **b "),
  underscores: fill("_a"),
  stars: fill("*"),
  strikes: fill("~~a "),
  "code spans": fill("`a "),
  "rising backticks": Array.from({ length: 125 }, (_, i) => "`".repeat(i)).join(" "),
  digits: fill("1"),
  "lists in lists": fill("1. "),
  dashes: fill("- "),
  items: fill("1. a\n"),
  "deeper items": Array.from({ length: 120 }, (_, i) => " ".repeat(i) + "- a").join("\n"),
  "indented items": Array.from({ length: 1000 }, (_, i) => (i % 2 ? "  - a" : "- b")).join("\n"),
  fences: fill("```\n"),
  "fences in quotes": fill("> ```\n"),
  tags: fill("<a "),
  addresses: fill("a@b."),
  urls: fill("http://a.b/ "),
  "url ends": "http://a.b/" + fill(")"),
  escapes: fill("\\*"),
  "blank lines": fill("a\n\n"),
  "only blanks": fill(" "),
  "brackets in pairs": fill("[]"),
  links: fill("[a](b) "),
  "lines of a quote": fill("> a\n"),
  "lazy lines": ">".repeat(10) + fill("a\n"),
  "less than": fill("<"),
  "empty items": fill("-\n"),
  "ends of code": fill("```\na```\n"),
};

function depth(blocks: readonly Block[]): number {
  return Math.max(
    0,
    ...blocks.map((b) =>
      b.kind === "quote"
        ? 1 + depth(b.children)
        : b.kind === "list"
          ? 1 + Math.max(...b.items.map(depth))
          : 1,
    ),
  );
}

test.each(Object.entries(HOSTILE))("%s: read and shown within bounds", (_, text) => {
  const blocks = blocksOf(text); // unbounded, that took up to 2.8 s
  expect(countBlocks(blocks)).toBeLessThanOrEqual(2000);
  expect(depth(blocks)).toBeLessThanOrEqual(8);
  const html = renderToStaticMarkup(<Markdown text={text} />);
  expect(html.split(/<(?!\/)/).length).toBeLessThanOrEqual(4000);
});

test("far too long: as typed", () => {
  expect(blocksOf("**a** ".repeat(10_000))).toHaveLength(1);
});
