import type { Inline } from "./tree.ts";

/** A run of marks that may begin or end something; what is left over of it is text. */
export interface Run {
  kind: "run";
  mark: "*" | "_" | "~";
  left: number;
  readonly length: number;
  readonly opens: boolean;
  readonly closes: boolean;
}

/** Deeper, nobody means it. */
const MAX_DEPTH = 8;

/** The run at `start` in `text`, by CommonMark's rules of flanking. */
export function run(text: string, start: number, end: number): Run {
  const mark = text.charAt(start) as Run["mark"];
  const before = text.charAt(start - 1);
  const after = text.charAt(end);
  const left = !isSpace(after) && (!isPunctuation(after) || isSpace(before) || isPunctuation(before));
  const right = !isSpace(before) && (!isPunctuation(before) || isSpace(after) || isPunctuation(after));
  const length = end - start;
  const word = mark === "_"; // snake_case has none
  return {
    kind: "run",
    mark,
    left: length,
    length,
    opens: left && (!word || !right || isPunctuation(before)),
    closes: right && (!word || !left || isPunctuation(after)),
  };
}

/** Pairs runs: what is between two becomes emphasis, strong or struck. */
export function pair(items: readonly (Inline | Run)[]): Inline[] {
  const out: (Inline | Run)[] = [];
  for (const item of items) {
    if (!isRun(item)) {
      out.push(item);
      continue;
    }
    for (let at = opener(out, item); at >= 0; at = opener(out, item)) {
      const open = out[at] as Run;
      const used = open.left >= 2 && item.left >= 2 ? 2 : 1;
      const children = texts(out.splice(at + 1));
      open.left -= used;
      item.left -= used;
      if (open.left === 0) out.pop();
      out.push({ kind: item.mark === "~" ? "del" : used === 2 ? "strong" : "em", children });
    }
    if (item.left > 0) out.push(item.opens ? item : item.mark.repeat(item.left));
  }
  return texts(out);
}

function opener(out: readonly (Inline | Run)[], closer: Run): number {
  if (!closer.closes || closer.left === 0) return -1;
  return out.findLastIndex((o) => isRun(o) && o.mark === closer.mark && match(o, closer));
}

function match(open: Run, close: Run): boolean {
  if (open.mark === "~") return open.left === 2 && close.left === 2;
  // CommonMark's rule of three: in **a*b** the one in the middle pairs with neither.
  const either = open.closes || close.opens;
  return (
    !either || (open.length + close.length) % 3 !== 0 || (open.length % 3 === 0 && close.length % 3 === 0)
  );
}

function texts(items: readonly (Inline | Run)[]): Inline[] {
  return joined(items.map((i) => (isRun(i) ? i.mark.repeat(i.left) : i)));
}

/** Texts beside each other made one. Throws when it is too deep. */
export function joined(items: readonly Inline[]): Inline[] {
  const out: Inline[] = [];
  for (const i of items) {
    const last = out.at(-1);
    if (typeof i === "string" && typeof last === "string") out[out.length - 1] = last + i;
    else if (i !== "") out.push(i);
  }
  if (depth(out) > MAX_DEPTH) throw new RangeError("too deep");
  return out;
}

function depth(items: readonly Inline[]): number {
  return items.reduce(
    (d, i) => Math.max(d, typeof i === "string" || i.kind === "code" ? 1 : 1 + depth(i.children)),
    0,
  );
}

function isRun(i: Inline | Run): i is Run {
  return typeof i !== "string" && i.kind === "run";
}
function isSpace(c: string): boolean {
  return c === "" || /\s/.test(c);
}
function isPunctuation(c: string): boolean {
  return /[\p{P}\p{S}]/u.test(c);
}
