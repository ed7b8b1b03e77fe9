import { useSyncExternalStore } from "react";
import type { Block } from "./tree.ts";

// The reader of Markdown is larger than the rest of the chat's own code, so it is loaded beside
// it. What shows messages waits for it (useReader), or they would change their height.
let read: ((message: string) => Block[] | undefined) | undefined;
const listeners = new Set<() => void>();
let settled = false;

/** Fulfilled when messages can be read, or never will be: then they show as they were typed. */
export const loaded: Promise<void> = import("./parse.ts")
  .then(
    (reader) => void (read = reader.parse),
    () => undefined, // offline, before the service worker had it
  )
  .then(() => {
    settled = true;
    for (const f of listeners) f();
  });

/** Whether `loaded` is. */
export function useReader(): boolean {
  return useSyncExternalStore(subscribe, isSettled, isSettled);
}

// No mark, no address, one paragraph: most messages need no reader.
const ANYTHING = /[*_~`[<\\@]|:\/\/|www\.|\n[ \t]*\n|^[ \t]*(?:>|[+-]|\d{1,9}[.)])/im;

/** Reads a message. Never throws; what cannot be read in bounded time is one paragraph of text. */
export function blocksOf(message: string): Block[] {
  const text = printable(message).trimEnd();
  const blocks = ANYTHING.test(text) ? read?.(text) : undefined;
  return blocks ?? [{ kind: "paragraph", gap: false, children: [text] }];
}

/** A control character shows as what it is, a hole; line ends are one character. */
function printable(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(/[^\P{Cc}\n\t]/gu, "\ufffd");
}

function subscribe(f: () => void): () => void {
  listeners.add(f);
  return () => listeners.delete(f);
}

function isSettled(): boolean {
  return settled;
}
