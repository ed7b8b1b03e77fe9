import { blocksOf } from "./reader.ts";
import { type Block, flat } from "./tree.ts";

/** Longer than any place that shows one line. */
const MAX_LENGTH = 300;

/** A message in one line, without marks: for the room list, notifications and screen readers. */
export function plain(text: string): string {
  const cut = text.length > MAX_LENGTH;
  const line = lines(blocksOf(cut ? wellFormed(text.slice(0, MAX_LENGTH)) : text))
    .join(" ")
    .replace(/\p{Bidi_Control}/gu, "") // they would turn around what stands beside it
    .replace(/\s+/g, " ")
    .trim();
  return cut ? `${line}…` : line;
}

function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, "");
}

function lines(blocks: readonly Block[]): string[] {
  return blocks.flatMap((b) => {
    switch (b.kind) {
      case "paragraph":
        return flat(b.children);
      case "code":
        return b.text;
      case "quote":
        return lines(b.children);
      case "list":
        return b.items.flatMap(lines);
    }
  });
}
