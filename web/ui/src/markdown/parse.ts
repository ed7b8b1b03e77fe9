import { readBlocks } from "./read.ts";
import { type Block, countBlocks } from "./tree.ts";

/** What costs more elements than this is shown as it was typed. */
const MAX_NODES = 2000;

const MAX_LENGTH = 32_768; // four times what a server takes today

/** Reads a message; undefined when that takes more than anybody should wait for. */
export function parse(text: string): Block[] | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  try {
    const blocks = readBlocks(text);
    return countBlocks(blocks) > MAX_NODES ? undefined : blocks;
  } catch {
    return undefined; // the meter's RangeError, or a fault of the library: neither takes the page down
  }
}
