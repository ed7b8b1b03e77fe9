import { memo } from "react";
import { language, useText } from "../i18n/i18n.ts";
import type { Sequenced } from "../live/live.ts";
import type { SystemRow } from "./rows.ts";
import { When } from "./When.tsx";
import { roomPath } from "../rooms/path.ts";

const NAMED = 3;

interface SystemProps {
  room: string;
  row: SystemRow;
  marked: boolean;
}

/** What happened that is no message. */
export const System = memo(function System({ room, row, marked }: SystemProps) {
  const text = useText();
  return (
    <div
      tabIndex={-1}
      data-seq={row.seq}
      data-kind={row.events[0]?.kind}
      className={`group flex items-baseline gap-2 py-1 pr-4 pl-16 text-sm text-muted -outline-offset-2 ${marked ? "bg-warn-ground" : ""}`}
    >
      <span className="min-w-0 break-words">{says(row.events, text)}</span>
      <When
        at={row.at}
        href={roomPath(room, row.seq)}
        short
        className="opacity-0 group-focus-within:opacity-100 group-hover:opacity-100"
      />
    </div>
  );
});

function says(events: readonly Sequenced[], text: ReturnType<typeof useText>): string {
  const [event] = events;
  if (!event) return "";
  const name = event.actor.name;
  switch (event.kind) {
    case "room.created":
      return text("timeline.created", { name });
    case "member.joined":
      if (event.actor.id !== event.user.id) return text("timeline.added", { name, user: event.user.name });
      return text("timeline.joined", { names: namesOf(events, text), count: events.length });
    case "member.left":
      if (event.actor.id !== event.user.id) return text("timeline.removed", { name, user: event.user.name });
      return text("timeline.left", { name });
    case "event.lost":
      return text("timeline.lost");
    case "room.reset":
      return text("timeline.reset");
    case "unknown":
      return text("timeline.unknown", { kind: event.name });
    case "message.posted":
      return event.body; // these are rows of their own
  }
}

function namesOf(events: readonly Sequenced[], text: ReturnType<typeof useText>): string {
  const names = events.map((e) => e.actor.name);
  const shown = names.length <= NAMED ? names : names.slice(0, NAMED - 1);
  const others = names.length - shown.length;
  const all = others > 0 ? [...shown, text("timeline.others", { count: others })] : shown;
  return new Intl.ListFormat(language()).format(all);
}
