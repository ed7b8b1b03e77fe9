import { useState } from "react";
import { useText } from "../i18n/i18n.ts";
import { Markdown } from "../markdown/Markdown.tsx";
import { fold } from "./fold.ts";
import type { MessageRow } from "./rows.ts";

// Survives that the list takes rows away that are out of sight.
const unfolded = new Set<string>();

/** What a message says; a long one only begins, until one wants more. */
export function Body({ row }: { row: MessageRow }) {
  const text = useText();
  const [open, setOpen] = useState(() => unfolded.has(row.key));
  const short = fold(row.body);
  const toggle = () => {
    if (open) unfolded.delete(row.key);
    else unfolded.add(row.key);
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
