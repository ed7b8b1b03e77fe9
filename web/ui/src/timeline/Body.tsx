import { useState } from "react";
import { useText } from "../i18n/i18n.ts";
import { Markdown } from "../markdown/Markdown.tsx";
import { fold } from "./fold.ts";
import type { MessageRow } from "./rows.ts";

// Rooms and keys of rows. Survives that the list takes rows away that are out of sight.
const unfolded = new Set<string>();

/** What a message says; a long one only begins, until one wants more. */
export function Body({ room, row }: { room: string; row: MessageRow }) {
  const text = useText();
  const id = `${room} ${row.key}`;
  const [open, setOpen] = useState(() => unfolded.has(id));
  const short = fold(row.body);
  const toggle = () => {
    if (open) unfolded.delete(id);
    else unfolded.add(id);
    setOpen(!open);
  };
  return (
    <div className={`body break-words ${row.state ? "text-muted" : ""}`}>
      <Markdown text={open ? row.body : (short ?? row.body)} />
      {short !== undefined && (
        <button
          type="button"
          aria-expanded={open}
          onClick={toggle}
          className="min-h-8 text-sm text-accent hover:underline"
        >
          {text(open ? "timeline.less" : "timeline.more")}
        </button>
      )}
    </div>
  );
}
