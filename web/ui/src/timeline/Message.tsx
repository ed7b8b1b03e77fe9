import { memo, type ReactNode, useState } from "react";
import { useText } from "../i18n/i18n.ts";
import { Actions } from "./Actions.tsx";
import { colour, initials } from "./avatar.ts";
import { Body } from "./Body.tsx";
import { Failed, Sending } from "./Outgoing.tsx";
import type { MessageRow } from "./rows.ts";
import { When } from "./When.tsx";
import { roomPath } from "../rooms/path.ts";

interface MessageProps {
  room: string;
  row: MessageRow;
  /** A link led here. */
  marked: boolean;
}

/** A message. One element from its writing to its place in the log, so that nothing flickers on the way. */
export const Message = memo(function Message({ room, row, marked }: MessageProps) {
  const [near, setNear] = useState(false);
  const href = row.seq === undefined ? undefined : roomPath(room, row.seq);
  const ground = marked ? "bg-warn-ground" : row.own ? "bg-own" : "hover:bg-hover/50";
  return (
    <article
      tabIndex={-1}
      onPointerEnter={() => setNear(true)}
      onFocus={() => setNear(true)}
      data-seq={row.seq}
      data-key={row.messageKey}
      data-state={row.state}
      className={`group relative flex gap-3 px-4 py-0.5 -outline-offset-2 ${ground} ${row.lead ? "mt-2 pt-1" : ""}`}
    >
      {row.lead ? <Avatar row={row} /> : <Gutter row={row} href={href} />}
      <div className="min-w-0 flex-1">
        {row.lead ? <Author row={row} href={href} /> : <span className="sr-only">{row.author.name}</span>}
        <Body room={room} row={row} />
        {row.state === "failed" && <Failed messageKey={row.messageKey} failed={row.failed} />}
      </div>
      {row.state === "pending" && <Sending written={row.at} />}
      {/* Of the hundreds that pass by, few are needed. */}
      {near && href !== undefined && <Actions href={href} text={row.body} />}
    </article>
  );
});

function Avatar({ row }: { row: MessageRow }) {
  return (
    <div
      aria-hidden
      style={{ background: colour(row.author.id) }}
      className="mt-0.5 grid size-9 shrink-0 place-items-center rounded-full text-sm font-semibold text-white select-none"
    >
      {initials(row.author.name)}
    </div>
  );
}

function Gutter({ row, href }: { row: MessageRow; href: string | undefined }) {
  return (
    <div className="w-9 shrink-0 pt-0.5 text-right opacity-0 group-focus-within:opacity-100 group-hover:opacity-100">
      <When at={row.at} href={href} short />
    </div>
  );
}

function Author({ row, href }: { row: MessageRow; href: string | undefined }): ReactNode {
  const text = useText();
  return (
    <div className="flex min-w-0 items-baseline gap-2">
      <bdi className="truncate font-semibold">{row.author.name}</bdi>
      {row.author.guest && (
        <span className="shrink-0 rounded border border-line px-1 text-xs text-muted">
          {text("timeline.guest")}
        </span>
      )}
      <When at={row.at} href={href} className="shrink-0" />
    </div>
  );
}
