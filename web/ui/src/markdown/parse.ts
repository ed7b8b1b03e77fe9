import { readBlocks } from "./read.ts";
import { type Block, countBlocks } from "./tree.ts";

// No mark, no address, one paragraph: most messages.
const ANYTHING = /[*_~`[<\\@]|:\/\/|www\.|\n[ \t]*\n|^[ \t]*(?:>|[+-]|\d{1,9}[.)])/im;

/** What costs more elements than this is shown as it was typed. */
const MAX_NODES = 2000;

const MAX_LENGTH = 32_768; // four times what a server takes today

/** Reads a message. Never throws; what it cannot read in bounded time is one paragraph of text. */
export function parse(message: string): Block[] {
  const text = printable(message).trimEnd();
  if (text.length > MAX_LENGTH || !ANYTHING.test(text)) return asTyped(text);
  try {
    const blocks = readBlocks(text);
    return countBlocks(blocks) > MAX_NODES ? asTyped(text) : blocks;
  } catch {
    return asTyped(text);
  }
}

/** A control character shows as what it is, a hole; line ends are one character. */
function printable(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(/[^\P{Cc}\n\t]/gu, "\ufffd");
}

function asTyped(text: string): Block[] {
  return [{ kind: "paragraph", gap: false, children: [text] }];
}
