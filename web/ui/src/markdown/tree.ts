// What a message is made of, once it is read. Everything that a reader did not make out
// is text, as it was typed: there is no kind for HTML, images or headings.

export type Inline =
  | string
  | { kind: "strong" | "em" | "del"; children: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "link"; href: string; children: Inline[]; host?: string };

interface Spaced {
  /** Blank lines stood before it. */
  gap: boolean;
}

export type Block = Spaced &
  (
    | { kind: "paragraph"; children: Inline[] }
    | { kind: "code"; language: string; text: string }
    | { kind: "quote"; children: Block[] }
    | { kind: "list"; start?: number; items: Block[][] }
  );

/** Its text, without marks. */
export function flat(children: readonly Inline[]): string {
  return children
    .map((c) => (typeof c === "string" ? c : c.kind === "code" ? c.text : flat(c.children)))
    .join("");
}

export function count(children: readonly Inline[]): number {
  return children.reduce(
    (n, c) => n + 1 + (typeof c === "string" || c.kind === "code" ? 0 : count(c.children)),
    0,
  );
}

/** How many blocks and what is in them. */
export function countBlocks(blocks: readonly Block[]): number {
  return blocks.reduce((n, b) => {
    switch (b.kind) {
      case "paragraph":
        return n + 1 + count(b.children);
      case "code":
        return n + 1;
      case "quote":
        return n + 1 + countBlocks(b.children);
      case "list":
        return n + 1 + b.items.reduce((m, i) => m + 1 + countBlocks(i), 0);
    }
  }, 0);
}
