import { joined, pair, type Run, run } from "./emphasis.ts";
import { target } from "./links.ts";
import type { Inline } from "./tree.ts";

// Each is tried at one place only (y), and ends where the next could begin.
const TEXT = /[^\\`[\]!<*_~@hwm]+/iy;
const ESCAPE = /\\([*_~`[\]<>])/y; // only before marks: \\server\share keeps its backslashes
const MARKS = /\*+|_+|~+/y;
const DESTINATION = /\(\s*(?:<([^<>\n]*)>|((?:[^\s()]|\([^\s()]*\))+))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/y;
const AUTOLINK = /<((?:https?:\/\/|mailto:)[^\s<>]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)>/iy;
const URL = /(?:https?:\/\/|mailto:|www\.)(?:[^\s<>`[\]]|\[[^\s<>`[\]]*\])+/iy;
const AFTER_AT = /@[a-z\d-]+(?:\.[a-z\d-]+)+/iy;

/** Brackets that lead nowhere, each of which costs a look at what follows. */
const MAX_TRIES = 200;

interface Bracket {
  /** Where it stands in the text, and in `items`. */
  from: number;
  at: number;
  image: boolean;
}

/**
 * Reads the marks within a block, left to right, each place once. Not marked or another
 * library: what is not read here is text as it was typed, without an entity to resolve, and
 * the page is 15 KB smaller. Throws when there is more than anybody would type.
 */
export function readInline(text: string): Inline[] {
  const items: (Inline | Run)[] = [];
  let brackets: Bracket[] = [];
  const codeEnds = backticks(text);
  let at = 0;
  let tries = 0;

  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const m = pattern.exec(text);
    if (m) at = pattern.lastIndex;
    return m;
  };

  while (at < text.length) {
    const c = text.charAt(at);
    const start = at;
    const m = take(TEXT);
    if (m) items.push(m[0]);
    else if (c === "\\") items.push(take(ESCAPE)?.[1] ?? one());
    else if (c === "`") code();
    else if (c === "*" || c === "_" || c === "~") {
      take(MARKS);
      items.push(run(text, start, at));
    } else if (c === "[" || (c === "!" && text.charAt(at + 1) === "[")) {
      brackets.push({ from: at, at: items.length, image: c === "!" });
      at += c === "!" ? 2 : 1;
      items.push(text.slice(start, at));
    } else if (c === "]") close();
    else if (c === "<") items.push(address(take(AUTOLINK)?.[1]) ?? one(start));
    else if (c === "@") mail();
    else items.push((/\w/.test(text.charAt(at - 1)) ? undefined : url()) ?? one());
  }
  return pair(items);

  function one(from = at): string {
    at = from + 1;
    return text.charAt(from);
  }

  function code(): void {
    const n = /^`+/.exec(text.slice(at, at + 64))?.[0].length ?? 1;
    const end = codeEnds(n, at + n);
    if (end === undefined) {
      items.push(text.slice(at, (at += n)));
      return;
    }
    const inner = text.slice(at + n, end);
    // One space beside a backtick is for the reader of the source.
    const padded = /^[ \n].*\S.*[ \n]$/s.test(inner);
    items.push({ kind: "code", text: padded ? inner.slice(1, -1) : inner });
    at = end + n;
  }

  /** A closing bracket: a link when its opening one is there, and an address follows that we follow. */
  function close(): void {
    const open = brackets.pop();
    at++;
    const m = open && take(DESTINATION);
    if (open && !m && text.charAt(at) === "(" && ++tries > MAX_TRIES)
      throw new RangeError("too many brackets");
    if (!open || !m) {
      items.push("]");
      return;
    }
    const label = pair(items.slice(open.at + 1)).flatMap(unlinked);
    const to = open.image ? undefined : target(m[1] ?? m[2] ?? "", flat(label));
    items.length = open.at;
    items.push(to ? { kind: "link", ...to, children: joined(label) } : text.slice(open.from, at));
    if (to) brackets = []; // no link in a link
  }

  function url(): Inline | undefined {
    const start = at;
    const found = take(URL)?.[0];
    if (found === undefined) return undefined;
    const shown = trimmed(found);
    const link = address(shown);
    at = link ? start + shown.length : start;
    return link;
  }

  /** ada@example.org: what is before the @ was read as text. */
  function mail(): void {
    const name = /[\w.+-]{1,64}$/.exec(text.slice(Math.max(0, at - 64), at))?.[0] ?? "";
    const last = items.at(-1);
    const host = name && typeof last === "string" ? take(AFTER_AT)?.[0] : undefined;
    // The name may stand in several pieces, as its letters h, w and m begin addresses too.
    const before = host === undefined ? undefined : takeBack(name);
    items.push(
      before === undefined || host === undefined ? (host ?? one()) : (address(name + host) ?? name + host),
    );
  }

  /** Takes `name` from the end of what was read; undefined where something else than text is there. */
  function takeBack(name: string): string | undefined {
    let had = "";
    let from = items.length;
    while (had.length < name.length) {
      const piece = items[--from];
      const typed = typeof piece === "object" && piece.kind === "run" ? piece.mark.repeat(piece.left) : piece;
      if (typeof typed !== "string") return undefined;
      had = typed + had;
    }
    items.length = from;
    if (had.length > name.length) items.push(had.slice(0, -name.length));
    return name;
  }
}

/** A link to an address that is shown as it is. */
function address(shown: string | undefined): Inline | undefined {
  if (!shown) return undefined;
  const typed = /^www\./i.test(shown)
    ? `http://${shown}`
    : /^(?:https?|mailto):/i.test(shown)
      ? shown
      : `mailto:${shown}`;
  const to = target(typed, shown);
  return to && { kind: "link", ...to, children: [shown] };
}

/** Without what rather belongs to the sentence: (see https://example.org/a). */
function trimmed(url: string): string {
  let surplus = url.split(")").length - url.split("(").length;
  let end = url.length;
  for (; end > 0; end--) {
    const c = url.charAt(end - 1);
    if (c === ")" && surplus > 0) surplus--;
    else if (!/[?!.,:;*_~'"]/.test(c)) break;
  }
  return url.slice(0, end);
}

/** Finds the next run of exactly n backticks; each run is looked at once. */
function backticks(text: string): (n: number, from: number) => number | undefined {
  const runs = new Map<number, number[]>();
  for (const m of text.matchAll(/`+/g)) {
    const same = runs.get(m[0].length);
    if (same) same.push(m.index);
    else runs.set(m[0].length, [m.index]);
  }
  return (n, from) => {
    const starts = runs.get(n) ?? [];
    while ((starts[0] ?? from) < from) starts.shift();
    return starts[0];
  };
}

function unlinked(i: Inline): Inline[] {
  if (typeof i === "string" || i.kind === "code") return [i];
  const children = i.children.flatMap(unlinked);
  return i.kind === "link" ? children : [{ ...i, children }];
}

/** Its text, without marks. */
export function flat(children: readonly Inline[]): string {
  return children
    .map((c) => (typeof c === "string" ? c : c.kind === "code" ? c.text : flat(c.children)))
    .join("");
}
