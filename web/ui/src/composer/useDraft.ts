import { useCallback, useEffect, useState } from "react";
import { Drafts } from "./drafts.ts";

// One for the page, so that a draft outlives its composer even where nothing is kept.
let drafts: { user: string; of: Drafts } | undefined;

function draftsOf(user: string): Drafts {
  if (drafts?.user !== user) {
    drafts?.of.flush();
    drafts = { user, of: new Drafts(user, () => globalThis.localStorage) };
  }
  return drafts.of;
}

/** The text one is writing in a room. */
export function useDraft(user: string, room: string): [string, (text: string) => void] {
  const kept = draftsOf(user);
  const [text, setText] = useState(() => kept.get(room));

  useEffect(() => {
    const flush = () => kept.flush();
    // Another tab wrote here. What was typed in this one since then is not thrown away.
    const changed = (e: StorageEvent) => {
      if (e.key === kept.key(room))
        setText((mine) => (mine === (e.oldValue ?? "") ? (e.newValue ?? "") : mine));
    };
    addEventListener("pagehide", flush);
    document.addEventListener("visibilitychange", flush); // the last word a phone says
    addEventListener("storage", changed);
    return () => {
      kept.flush();
      removeEventListener("pagehide", flush);
      document.removeEventListener("visibilitychange", flush);
      removeEventListener("storage", changed);
    };
  }, [kept, room]);

  const write = useCallback(
    (to: string) => {
      setText(to);
      kept.set(room, to);
    },
    [kept, room],
  );
  return [text, write];
}
