import { useState } from "react";
import { useStore } from "../store/store.ts";
import { useLive } from "../store/useLive.ts";
import { firstUnread } from "./rows.ts";
import { first, type Window } from "./window.ts";

interface Unread {
  /** The event that stands below the divider "New". */
  divider?: number | undefined;
  /** Where one can jump to: the first unread one has not been in sight yet. */
  first?: number | undefined;
  saw: () => void;
}

/**
 * The unread messages as they were when the room was opened: reading moves the read
 * position, not the divider.
 */
export function useUnread(room: string, w: Window | undefined): Unread {
  const me = useLive().user;
  const now = useStore((s) => s.live.rooms[room]);
  const [readUpTo, setReadUpTo] = useState<number>();
  const [until, setUntil] = useState<number>();
  const [seen, setSeen] = useState(false);
  if (now && readUpTo === undefined) setReadUpTo(now.read);
  // What is still to come when the room is opened was missed, too.
  if (now?.caughtUp && until === undefined) setUntil(now.cursor);

  const saw = () => setSeen(true);
  const end = until ?? now?.head ?? 0;
  if (!w || readUpTo === undefined || readUpTo >= end) return { saw };
  const divider = firstUnread(w.events, me, readUpTo, end);
  const start = divider ?? (first(w) > readUpTo + 1 ? readUpTo + 1 : undefined);
  return { divider, first: seen ? undefined : start, saw };
}
