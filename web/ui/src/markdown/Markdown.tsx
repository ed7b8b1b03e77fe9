import { memo, type ReactElement, type ReactNode } from "react";
import { CodeBlock } from "./CodeBlock.tsx";
import { emojiOnly } from "./emoji.ts";
import { blocksOf } from "./reader.ts";
import type { Block, Inline } from "./tree.ts";

/** A message's text. React elements all the way: no HTML is ever made of it. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return remembered(text);
});

// Rows of the timeline come and go while one scrolls; what they show stays the same.
const KEPT = 300;
const kept = new Map<string, ReactElement>();

function remembered(text: string): ReactElement {
  const element = kept.get(text) ?? <>{render(text)}</>;
  kept.delete(text);
  kept.set(text, element);
  const [oldest] = kept.keys();
  if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
  return element;
}

function render(text: string): ReactNode {
  if (emojiOnly(text)) return <p className="text-4xl leading-tight">{text.trim()}</p>;
  return blocksOf(text).map((b, i) => block(b, i, "auto"));
}

const PROSE = "whitespace-pre-wrap wrap-anywhere";

/** `dir`: that of the outermost block is the direction of its first letter, which an inner `dir` would hide. */
function block(b: Block, index: number, dir?: "auto"): ReactElement {
  const gap = b.gap ? "mt-2" : undefined;
  switch (b.kind) {
    case "paragraph":
      return (
        <p key={index} dir={dir} className={classes(PROSE, gap)}>
          {b.children.map(inline)}
        </p>
      );
    case "code":
      return <CodeBlock key={index} text={b.text} language={b.language} gap={b.gap} />;
    case "quote":
      return (
        <blockquote key={index} dir={dir} className={classes("border-s-4 border-line ps-3 text-muted", gap)}>
          {b.children.map((c, i) => block(c, i))}
        </blockquote>
      );
    case "list": {
      const items = b.items.map((item, i) => <li key={i}>{item.map((c, j) => block(c, j))}</li>);
      if (b.start === undefined)
        return (
          <ul key={index} dir={dir} className={classes("list-disc ps-6", gap)}>
            {items}
          </ul>
        );
      // As wide as the longest number, so that none is cut off.
      const digits = String(b.start + b.items.length).length;
      return (
        <ol
          key={index}
          dir={dir}
          start={b.start}
          className={classes("list-decimal", gap)}
          style={{ paddingInlineStart: `${digits + 2}ch` }}
        >
          {items}
        </ol>
      );
    }
  }
}

function inline(i: Inline, index: number): ReactNode {
  if (typeof i === "string") return i;
  switch (i.kind) {
    case "strong":
      return <strong key={index}>{i.children.map(inline)}</strong>;
    case "em":
      return <em key={index}>{i.children.map(inline)}</em>;
    case "del":
      return <del key={index}>{i.children.map(inline)}</del>;
    case "code":
      return (
        <code key={index} dir="auto" className="rounded bg-code px-1 py-0.5 font-mono text-[0.9em]">
          {i.text}
        </code>
      );
    case "link":
      return (
        <a
          key={index}
          href={i.href}
          title={i.href}
          target="_blank"
          rel="noopener noreferrer nofollow"
          className="text-accent underline underline-offset-2"
        >
          <bdi>{i.children.map(inline)}</bdi>
          {i.host !== undefined && <bdi className="text-muted"> ({i.host})</bdi>}
        </a>
      );
  }
}

function classes(...names: (string | undefined)[]): string {
  return names.filter(Boolean).join(" ");
}
