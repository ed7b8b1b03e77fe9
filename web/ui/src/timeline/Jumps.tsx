import { ArrowDown, ArrowUp } from "lucide-react";
import { useText } from "../i18n/i18n.ts";
import { useStore } from "../store/store.ts";

interface JumpsProps {
  room: string;
  toNewest: (() => void) | undefined;
  toUnread: (() => void) | undefined;
}

/** The ways to what is out of sight; over the log, so that it does not move when they come and go. */
export function Jumps({ room, toNewest, toUnread }: JumpsProps) {
  const text = useText();
  const unread = useStore((s) => s.live.rooms[room]?.unread ?? 0);
  const button =
    "absolute flex min-h-8 items-center gap-1.5 rounded-full border border-line bg-raised px-3 text-sm shadow-md hover:bg-hover";
  return (
    <>
      {toUnread && (
        <button type="button" onClick={toUnread} className={`${button} top-3 left-1/2 -translate-x-1/2`}>
          <ArrowUp size={16} aria-hidden />
          {text("timeline.firstUnread")}
        </button>
      )}
      {toNewest && (
        <button type="button" onClick={toNewest} className={`${button} right-4 bottom-3`}>
          <ArrowDown size={16} aria-hidden />
          {text("timeline.newest")}
          {unread > 0 && (
            <span className="rounded-full bg-accent px-2 text-xs text-on-accent">
              {text("timeline.newer", { count: unread })}
            </span>
          )}
        </button>
      )}
    </>
  );
}
