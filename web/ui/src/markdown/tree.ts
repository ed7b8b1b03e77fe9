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
