import type { Options } from "mdast-util-from-markdown";
import { gfmAutolinkLiteralFromMarkdown } from "mdast-util-gfm-autolink-literal";
import { gfmStrikethroughFromMarkdown } from "mdast-util-gfm-strikethrough";
import { gfmAutolinkLiteral } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough } from "micromark-extension-gfm-strikethrough";
import type { Code, Construct, Extension } from "micromark-util-types";

/**
 * What a chat does not have; it is text, then. Rulers and images are read, to be shown as
 * typed as a whole (read.ts). Without definitions there are no links by reference.
 */
const OFF = [
  "characterReference",
  "codeIndented",
  "definition",
  "hardBreakEscape",
  "headingAtx",
  "htmlFlow",
  "htmlText",
  "setextUnderline",
];

/** Where reading begins to take longer than anybody should wait (about 50 ms here): cost.test.tsx. */
const MAX_COST = 2000;
/** Pairing takes a time that grows with the square of these. */
const COST_OF_PAIRED = 4;
const COST_OF_LINE = 2;
const COST_OF_BEGUN = 2; // a quote or an item of a list; micromark tries each one twice
/** For quotes and lists that begin in one line. */
const MAX_TRIES_IN_LINE = 2 * 12;

/** CommonMark with what GitHub adds and without what a chat does not have. */
export function syntax(meter: Meter): Options {
  return {
    extensions: [
      { disable: { null: OFF } },
      gfmAutolinkLiteral(),
      gfmStrikethrough({ singleTilde: false }),
      meter.syntax,
    ],
    mdastExtensions: [
      gfmAutolinkLiteralFromMarkdown(),
      gfmStrikethroughFromMarkdown(),
      {
        enter: {
          // The indentation of a paragraph's second line is what somebody typed.
          linePrefix(token) {
            if (PHRASING.has(this.stack.at(-1)?.type ?? "")) this.config.enter.data?.call(this, token);
          },
        },
        exit: {
          linePrefix(token) {
            if (this.stack.at(-1)?.type === "text") this.config.exit.data?.call(this, token);
          },
          // Only definitions need it. It would decode entities, in a browser by innerHTML, which our
          // policy forbids.
          labelText: () => undefined,
        },
      },
    ],
  };
}

const PHRASING = new Set(["paragraph", "emphasis", "strong", "delete"]);

/**
 * Bounds what hostile text costs: constructs that never match, but count what is tried, and throw.
 * What is within code is not counted, as it costs nothing.
 */
export class Meter {
  private cost = 0;
  private line = 0;
  private triesInLine = 0;

  private spend(cost: number): void {
    this.cost += cost;
    if (this.cost > MAX_COST) throw new RangeError("too many marks");
  }

  private container(line: number): void {
    this.spend(COST_OF_BEGUN);
    this.triesInLine = line === this.line ? this.triesInLine + 1 : 0;
    this.line = line;
    if (this.triesInLine > MAX_TRIES_IN_LINE) throw new RangeError("too deep");
  }

  get syntax(): Extension {
    const spend = (cost: number) =>
      never(() => {
        this.spend(cost);
      });
    const container = never((line) => {
      this.container(line);
    });
    return {
      document: on(">*+-0123456789", container),
      flow: { null: [spend(COST_OF_LINE), unlessLazy] },
      text: { ...on("[]!<`\\@", spend(1)), ...on("*_~", spend(COST_OF_PAIRED)) },
    };
  }
}

function on(characters: string, construct: Construct): Record<number, Construct> {
  return Object.fromEntries(Array.from(characters, (c) => [c.charCodeAt(0), construct]));
}

function never(count: (line: number) => void): Construct {
  return {
    tokenize(_effects, _ok, nok) {
      count(this.now().line);
      return nok;
    },
  };
}

/**
 * In a chat the answer stands right below the quote: a line without the mark does not go on
 * with the paragraph inside. As this "interrupts" that, micromark closes the quote (or list).
 */
const unlessLazy: Construct = {
  tokenize(_effects, ok, nok) {
    return (code: Code) => (this.interrupt && this.parser.lazy[this.now().line] ? ok(code) : nok(code));
  },
};
