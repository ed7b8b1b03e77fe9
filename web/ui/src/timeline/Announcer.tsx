import { useEffect, useRef, useState } from "react";
import { text } from "../i18n/i18n.ts";
import { plain } from "../markdown/plain.ts";
import type { User } from "../net/index.ts";
import { isLive, last, type Window } from "./window.ts";

const PAUSE = 2000;

/**
 * Reads new messages of others out. The log itself does not: rows come and go in it
 * while one scrolls, and a screen reader would read history.
 */
export function Announcer({ w, me }: { w: Window | undefined; me: User }) {
  const [said, setSaid] = useState("");
  const known = useRef<{ id: number; seq: number }>(undefined);
  const news = useRef<string[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    if (!w || w.events.length === 0) return;
    const { id, seq } = known.current ?? { id: -1, seq: 0 };
    known.current = { id: w.id, seq: last(w) };
    if (id !== w.id || !isLive(w)) return;
    for (const e of w.events.slice(-Math.max(1, last(w) - seq))) {
      if (e.seq > seq && e.kind === "message.posted" && e.actor.id !== me.id)
        news.current.push(text("timeline.said", { name: e.actor.name, text: plain(e.body) }));
    }
    if (news.current.length === 0 || timer.current !== undefined) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      const [one = ""] = news.current;
      const count = news.current.length;
      setSaid(count === 1 ? one : text("timeline.newer", { count }));
      news.current = [];
    }, PAUSE);
  }, [w, me.id]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );

  return (
    <div aria-live="polite" className="sr-only">
      {said}
    </div>
  );
}
