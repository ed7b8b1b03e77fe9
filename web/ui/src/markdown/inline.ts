import { Lexer, type MarkedToken, type Token, Tokenizer, type Tokens } from "marked";
import { target } from "./links.ts";
import type { Inline } from "./tree.ts";

/** Deeper marks are text. */
const MAX_DEPTH = 8;

/** marked's inline reader without what a chat has no use for; that stays text, as it was typed. */
class Chat extends Tokenizer {
  override tag = () => undefined;
  override reflink = () => undefined;
  override br = () => undefined; // line ends are shown as they are

  /** Only before marks: a path like \\server\share keeps its backslashes. */
  override escape(src: string): Tokens.Escape | undefined {
    const m = /^\\([*_~`[\]<>])/.exec(src);
    return m?.[1] ? { type: "escape", raw: m[0], text: m[1] } : undefined;
  }

  override link(src: string): Tokens.Link | undefined {
    const link = super.link(src);
    if (link?.type !== "image") return link;
    return { type: "text", raw: link.raw, text: link.raw } as unknown as Tokens.Link;
  }
}

/** Reads the marks within a block. Throws where marked gives up. */
export function readInline(text: string): Inline[] {
  const lexer = new Lexer({ gfm: true, tokenizer: new Chat() });
  return convert(lexer.inlineTokens(text), 0);
}

function convert(tokens: readonly Token[], depth: number): Inline[] {
  const out: Inline[] = [];
  for (const token of tokens) {
    const made = depth < MAX_DEPTH ? one(token as MarkedToken, depth + 1) : token.raw;
    const last = out.at(-1);
    if (typeof made === "string" && typeof last === "string") out[out.length - 1] = last + made;
    else out.push(made);
  }
  return out;
}

function one(token: MarkedToken, depth: number): Inline {
  if (token.type === "strong" || token.type === "em" || token.type === "del")
    return { kind: token.type, children: convert(token.tokens, depth) };
  if (token.type === "codespan") return { kind: "code", text: code(token.raw) };
  if (token.type === "escape") return token.text;
  if (token.type === "link") return link(token, depth);
  return token.raw;
}

/** Without the marks around it and their spaces; line ends, which marked drops, stay. */
function code(raw: string): string {
  const text = raw.replace(/^`+|`+$/g, "");
  return /^[ \n].*\S.*[ \n]$/s.test(text) ? text.slice(1, -1) : text;
}

function link(token: Tokens.Link, depth: number): Inline {
  const children = convert(token.tokens, depth);
  const to = target(destination(token), flat(children));
  return to ? { kind: "link", ...to, children } : token.raw;
}

/** What was typed between the brackets: marked's `href` has some entities resolved and some not. */
function destination({ raw, href, autolink, text }: Tokens.Link): string {
  if (autolink) return href;
  const typed = raw.slice(raw.indexOf("](", text.length) + 2, -1).trim();
  const angled = /^<([^>]*)>/.exec(typed);
  return angled?.[1] ?? typed.split(/\s/, 1)[0] ?? "";
}

/** Its text, without marks. */
export function flat(children: readonly Inline[]): string {
  return children
    .map((c) => (typeof c === "string" ? c : c.kind === "code" ? c.text : flat(c.children)))
    .join("");
}
