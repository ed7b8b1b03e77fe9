import { type KeyboardEvent, type RefObject, useState } from "react";
import { apply } from "./edit.ts";
import type { Emoji } from "./emoji.ts";
import { asked, put } from "./text.ts";

type Names = typeof import("./emoji.ts");
let names: Names | undefined;

const MOST = 8;

export interface Suggestions {
  found: readonly Emoji[];
  /** Where the one that Enter takes is in `found`. */
  at: number;
  pick: (emoji: Emoji) => void;
  /** The field changed: looks for the name before the caret. */
  typed: (field: HTMLTextAreaElement) => void;
  /** Takes the key, where it means the list. */
  key: (e: KeyboardEvent) => boolean;
  close: () => void;
}

const NONE = { found: [] as readonly Emoji[], at: 0, start: 0 };

/** Emoji by name: a list while one types `:smi`, the emoji itself after `:smile:`. */
export function useEmoji(field: RefObject<HTMLTextAreaElement | null>): Suggestions {
  const [{ found, at, start }, set] = useState(NONE);
  const close = () => set(NONE);

  const pick = (emoji: Emoji) => {
    const f = field.current;
    close();
    if (f) apply(f, put(f.value, start, f.selectionStart, emoji.emoji, true));
  };

  const typed = (f: HTMLTextAreaElement) => {
    const caret = f.selectionStart;
    const a = asked(f.value, caret);
    if (!a) {
      if (found.length > 0) close();
      if (f.value.charAt(caret - 1) === ":") void load(); // it is there when the name is typed
      return;
    }
    void load().then((n) => {
      if (!n || f.selectionStart !== caret) return; // typed on; that asks again
      const whole = a.closed ? n.named(a.name) : undefined;
      if (whole !== undefined) apply(f, put(f.value, a.start, caret, whole, false));
      set(a.closed ? NONE : { found: n.search(a.name, MOST), at: 0, start: a.start });
    });
  };

  const key = (e: KeyboardEvent) => {
    const chosen = found[at];
    if (!chosen || e.ctrlKey || e.metaKey || e.altKey) return false;
    switch (e.key) {
      case "ArrowDown":
      case "ArrowUp": {
        const step = e.key === "ArrowDown" ? 1 : found.length - 1;
        set({ found, at: (at + step) % found.length, start });
        return true;
      }
      case "Enter":
      case "Tab":
        if (e.shiftKey) return false;
        pick(chosen);
        return true;
      case "Escape":
        close();
        return true;
      default:
        return false;
    }
  };

  return { found, at, pick, typed, key, close };
}

async function load(): Promise<Names | undefined> {
  try {
    names ??= await import("./emoji.ts");
  } catch {
    // offline, and never loaded: the next colon tries again
  }
  return names;
}
