import type { Block, Inline } from "./tree.ts";

const FENCE = /^ {0,3}(`{3,}|~{3,})[ \t]*([^`]*)$/;
const LANGUAGE = /^[\w+#.-]*$/;
const QUOTE = /^ {0,3}> ?/;
// Not "- - -", which elsewhere is a ruler.
const ITEM = /^(?! *([*+-])(?:[ \t]+\1)+[ \t]*$) {0,3}([*+-]|\d{1,9}[.)])[ \t]+(?=\S)/;
// As in CommonMark: within a paragraph only a list that begins at 1 is meant as one.
const ITEM_IN_TEXT = /^ {0,3}(?:[*+-]|1[.)])[ \t]+\S/;

/** Deeper quotes and lists are text: nobody reads them, and they could go on for 8 KB. */
const MAX_DEPTH = 6;

/**
 * Reads lines to blocks, as people type in a chat: each line stands for itself, a quote ends
 * with the last line that has its mark. A line is looked at once per depth.
 */
export function readBlocks(lines: readonly string[], inline: (text: string) => Inline[], depth = 0): Block[] {
  const blocks: Block[] = [];
  let gap = false;
  let at = 0;
  const line = () => lines[at] ?? "";
  const deeper = depth < MAX_DEPTH;

  while (at < lines.length) {
    if (!line().trim()) {
      gap = blocks.length > 0;
      at++;
      continue;
    }
    const fence = FENCE.exec(line());
    if (fence?.[1]) {
      blocks.push(takeFenced(fence[1], fence[2]?.trim() ?? ""));
    } else if (deeper && QUOTE.test(line())) {
      const inner = takeWhile((l) => QUOTE.test(l)).map((l) => l.replace(QUOTE, ""));
      blocks.push({ kind: "quote", gap, children: readBlocks(inner, inline, depth + 1) });
    } else if (deeper && ITEM.test(line())) {
      blocks.push(takeList());
    } else {
      const first = at++;
      takeWhile(
        (l) => l.trim() !== "" && !FENCE.test(l) && !(deeper && (QUOTE.test(l) || ITEM_IN_TEXT.test(l))),
      );
      blocks.push({ kind: "paragraph", gap, children: inline(lines.slice(first, at).join("\n")) });
    }
    gap = false;
  }
  return blocks;

  function takeWhile(wanted: (line: string) => boolean): string[] {
    const first = at;
    while (at < lines.length && wanted(line())) at++;
    return lines.slice(first, at);
  }

  /**
   * The lines up to the closing fence; without one, all that follows. As many type it, code may
   * begin right after the opening fence and end right before the closing one.
   */
  function takeFenced(mark: string, info: string): Block {
    const closing = new RegExp(mark.startsWith("`") ? `^(.*?)${mark}\`*\\s*$` : `^( {0,3})${mark}~*\\s*$`);
    const named = LANGUAGE.test(info);
    at++;
    const text = takeWhile((l) => !closing.test(l));
    if (!named) text.unshift(info);
    const end = closing.exec(line())?.[1];
    if (end?.trim()) text.push(end);
    at++;
    return { kind: "code", gap, language: named ? info : "", text: text.join("\n") };
  }

  function takeList(): Block {
    const marker = ITEM.exec(line())?.[2] ?? "";
    const kind = marker.slice(-1); // another mark begins another list
    const items: Block[][] = [];
    for (let m = ITEM.exec(line()); m?.[2]?.slice(-1) === kind; m = ITEM.exec(line())) {
      const first = line().slice(m[0].length);
      at++;
      // What is indented by two or more belongs to the item; four are dropped at most, so that
      // code keeps its own indentation.
      const rest = takeWhile((l) => /^(?: {2}|\t)/.test(l));
      const width = Math.min(...rest.map((l) => indentation(l)), Math.max(2, m[0].length));
      items.push(readBlocks([first, ...rest.map((l) => dedent(l, width))], inline, depth + 1));
      const blank = at;
      takeWhile((l) => !l.trim());
      if (!(ITEM.exec(line())?.[2]?.slice(-1) === kind && at > blank)) at = Math.min(at, blank); // not ours
    }
    const ordered = marker.length > 1;
    return { kind: "list", gap, ...(ordered && { start: Number.parseInt(marker, 10) }), items };
  }
}

function indentation(line: string): number {
  return line.startsWith("\t") ? 2 : line.search(/[^ ]|$/);
}

function dedent(line: string, width: number): string {
  return line.startsWith("\t") ? line.slice(1) : line.slice(width);
}
