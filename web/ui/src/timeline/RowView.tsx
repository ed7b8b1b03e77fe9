import { memo } from "react";
import { language, useText } from "../i18n/i18n.ts";
import { Message } from "./Message.tsx";
import type { Row } from "./rows.ts";
import { System } from "./System.tsx";
import { useNow } from "./useNow.ts";
import { dayName } from "./when.ts";

interface RowProps {
  room: string;
  row: Row;
  marked: boolean;
}

/** A row of the list, with what stands above it. */
export const RowView = memo(function RowView({ room, row, marked }: RowProps) {
  return (
    <div data-row={row.key}>
      {row.day && <Day at={row.at} />}
      {row.unread && <New />}
      {row.type === "message" ? (
        <Message room={room} row={row} marked={marked} />
      ) : (
        <System room={room} row={row} marked={marked} />
      )}
    </div>
  );
});

function Day({ at }: { at: number }) {
  useText();
  const name = dayName(at, useNow(), language());
  return (
    <div className="flex items-center gap-3 px-4 pt-4 pb-1 text-xs font-semibold text-muted">
      <div className="h-px flex-1 bg-line" />
      <span className="first-letter:uppercase">{name}</span>
      <div className="h-px flex-1 bg-line" />
    </div>
  );
}

function New() {
  const text = useText();
  return (
    <div
      role="separator"
      aria-label={text("timeline.new")}
      className="flex items-center gap-2 px-4 pt-1 text-xs font-semibold text-danger"
    >
      <div className="h-px flex-1 bg-danger" />
      {text("timeline.new")}
    </div>
  );
}
