import { type ReactNode, useEffect, useMemo, useSyncExternalStore } from "react";

type Highlight = (text: string, language: string) => ReactNode;

let highlight: Highlight | undefined;
let loading = false;
const waiting = new Set<() => void>();

/** The text in colours once the highlighter is there; until then, and without a language, the text. */
export function useHighlighted(text: string, language: string): ReactNode {
  const colours = useSyncExternalStore(subscribe, current, nothing);
  useEffect(() => {
    if (language) load();
  }, [language]);
  return useMemo(() => (language && colours ? colours(text, language) : text), [colours, text, language]);
}

function load(): void {
  if (loading) return;
  loading = true;
  import("./highlight.ts").then(
    (m) => {
      highlight = m.highlight;
      for (const f of waiting) f();
    },
    () => {
      loading = false; // offline: the next code block tries again
    },
  );
}

function subscribe(f: () => void): () => void {
  waiting.add(f);
  return () => waiting.delete(f);
}

function current(): Highlight | undefined {
  return highlight;
}
function nothing(): undefined {
  return undefined;
}
