import type { Code, Link, Nodes, Paragraph } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { target } from "./links.ts";
import { Meter, syntax } from "./syntax.ts";
import { type Block, flat, type Inline } from "./tree.ts";

/** Deeper quotes and lists, or marks in marks, are text: nobody means or reads them. */
const MAX_DEPTH = 6;
const MAX_INLINE_DEPTH = 8;

const LANGUAGE = /^[\w+#.-]*$/;

/** Reads CommonMark to blocks. Throws when it has more marks than anybody would type. */
export function readBlocks(text: string): Block[] {
  return new Reader(text, new Meter()).read();
}

class Reader {
  constructor(
    private readonly source: string,
    private readonly meter: Meter,
  ) {}

  /** `after`: the line that the block before ended in. */
  read(after?: number): Block[] {
    return this.blocks(fromMarkdown(this.source, syntax(this.meter)).children, 0, after);
  }

  private blocks(nodes: readonly Nodes[], depth: number, after?: number): Block[] {
    const made: Block[] = [];
    for (const node of nodes) {
      const { line, lastLine } = this.place(node);
      const gap = after !== undefined && line - after > 1;
      after = lastLine;
      const fenced = node.type === "code" ? this.fenced(node, depth === 0) : undefined;
      made.push(fenced ? { gap, ...fenced.code } : this.block(node, depth, gap));
      if (fenced?.rest !== undefined) return [...made, ...new Reader(fenced.rest, this.meter).read(1)];
    }
    return made;
  }

  private block(node: Nodes, depth: number, gap: boolean): Block {
    if (node.type === "paragraph") return { kind: "paragraph", gap, children: this.paragraph(node, depth) };
    if (depth < MAX_DEPTH && !isEmpty(node)) {
      if (node.type === "blockquote")
        return { kind: "quote", gap, children: this.blocks(node.children, depth + 1) };
      if (node.type === "list") {
        const items = node.children.map((item) => this.blocks(item.children, depth + 1));
        return { kind: "list", gap, ...(node.ordered && { start: node.start ?? 1 }), items };
      }
    }
    return { kind: "paragraph", gap, children: [this.typed(node)] };
  }

  /** Its text; outside of quotes and lists with the indentation of the first line. */
  private paragraph(node: Paragraph, depth: number): Inline[] {
    const { start } = this.place(node);
    const indentation = this.source.slice(this.source.lastIndexOf("\n", start - 1) + 1, start);
    return joined([depth === 0 ? indentation : "", ...this.inlines(node.children, 0)]);
  }

  /**
   * As many type it, code may begin right after the opening fence and end right before the
   * closing one, where CommonMark would take all that follows; that is the `rest`.
   */
  private fenced(node: Code, outermost: boolean): { code: Fenced; rest?: string } {
    const { start } = this.place(node);
    const raw = this.typed(node).split("\n");
    const first = raw[0] ?? "";
    const mark = /^(?:`+|~+)/.exec(first)?.[0] ?? "";
    const info = first.slice(mark.length).trim();
    const language = LANGUAGE.test(info) ? info : "";
    const lines = node.value.split("\n");
    const last = outermost && mark.startsWith("`") ? lines.findIndex((l) => l.trimEnd().endsWith(mark)) : -1;
    const ended = last >= 0;
    if (ended) lines.splice(last, Infinity, lines[last]?.trimEnd().replace(/`+$/, "") ?? "");
    const text = language === info ? lines : [info, ...(node.value === "" ? [] : lines)];
    return {
      code: { kind: "code", language, text: text.join("\n") },
      ...(ended && { rest: this.source.slice(start + raw.slice(0, last + 2).join("\n").length) }),
    };
  }

  private inlines(nodes: readonly Nodes[], depth: number): Inline[] {
    return joined(nodes.map((n) => this.inline(n, depth)));
  }

  private inline(node: Nodes, depth: number): Inline {
    if (node.type === "text") return node.value;
    if (node.type === "break") return "\n";
    if (node.type === "inlineCode") return { kind: "code", text: node.value };
    if (depth < MAX_INLINE_DEPTH) {
      if (node.type === "link") return this.link(node, depth);
      if (node.type === "strong" || node.type === "emphasis" || node.type === "delete")
        return { kind: KINDS[node.type], children: this.inlines(node.children, depth + 1) };
    }
    return this.typed(node);
  }

  private link(node: Link, depth: number): Inline {
    const children = joined(this.inlines(node.children, depth + 1).flatMap(unlinked));
    const shown = flat(children);
    const to = target(node.url, shown);
    if (to) return { kind: "link", ...to, children };
    // One that mdast-util-gfm-autolink-literal finds in what was read has no position.
    return node.position ? this.typed(node) : shown;
  }

  /** As it stands in the source. */
  private typed(node: Nodes): string {
    const { start, end } = this.place(node);
    return this.source.slice(start, end);
  }

  private place(node: Nodes) {
    const { start, end } = node.position ?? {};
    return {
      start: start?.offset ?? 0,
      end: end?.offset ?? 0,
      line: start?.line ?? 0,
      lastLine: end?.line ?? 0,
    };
  }
}

interface Fenced {
  kind: "code";
  language: string;
  text: string;
}

const KINDS = { strong: "strong", emphasis: "em", delete: "del" } as const;

/** "-" alone begins a list for CommonMark; for us it is what somebody typed. */
function isEmpty(node: Nodes): boolean {
  const holds = node.type === "list" || node.type === "listItem" || node.type === "blockquote";
  return holds && node.children.every(isEmpty);
}

/** Within a link there is no other. */
function unlinked(i: Inline): Inline[] {
  if (typeof i === "string" || i.kind === "code") return [i];
  const children = i.children.flatMap(unlinked);
  return i.kind === "link" ? children : [{ ...i, children }];
}

/** Texts beside each other made one. */
function joined(items: readonly Inline[]): Inline[] {
  const out: Inline[] = [];
  for (const i of items) {
    const last = out.at(-1);
    if (typeof i === "string" && typeof last === "string") out[out.length - 1] = last + i;
    else if (i !== "") out.push(i);
  }
  return out;
}
