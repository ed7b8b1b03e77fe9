import { readBlocks } from "./blocks.ts";
import { readInline } from "./inline.ts";
import type { Block, Inline } from "./tree.ts";

// No mark, no address, no list: most messages.
const MARKS = /[*_~`[<\\@]|:\/\/|www\.|mailto:|^ {0,3}(?:>|[+-][ \t]|\d{1,9}[.)][ \t])/im;

/** What costs more elements than this is shown as it was typed. */
const MAX_NODES = 2000;

/** marked's time grows with the square of these. */
const MAX_MARKS = 500;

const MAX_LENGTH = 32_768; // four times what a server takes today

/** Reads a message. Never throws; what it cannot read in bounded time is one paragraph of text. */
export function parse(message: string): Block[] {
  const text = printable(message).trimEnd();
  const lines = text.split("\n");
  if (text.length > MAX_LENGTH || (text.match(/[*_~]+/g)?.length ?? 0) > MAX_MARKS) return asTyped(text);
  const inline = MARKS.test(text) ? readInline : (t: string) => [t];
  try {
    let left = MAX_NODES;
    const blocks = readBlocks(lines, (t) => {
      const children = inline(t);
      left -= count(children);
      if (left < 0) throw new RangeError("too many marks");
      return children;
    });
    return countBlocks(blocks) > left ? asTyped(text) : blocks;
  } catch {
    return asTyped(text); // marked recurses into what is nested thousands deep
  }
}

/** A control character shows as what it is, a hole; line ends are one character. */
function printable(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(/[^\P{Cc}\n\t]/gu, "\ufffd");
}

function asTyped(text: string): Block[] {
  return [{ kind: "paragraph", gap: false, children: [text] }];
}

export function count(children: readonly Inline[]): number {
  return children.reduce(
    (n, c) => n + 1 + (typeof c === "string" || c.kind === "code" ? 0 : count(c.children)),
    0,
  );
}

export function countBlocks(blocks: readonly Block[]): number {
  return blocks.reduce((n, b) => {
    if (b.kind === "quote") return n + 1 + countBlocks(b.children);
    if (b.kind === "list") return n + 1 + b.items.reduce((m, i) => m + 1 + countBlocks(i), 0);
    return n + 1;
  }, 0);
}
