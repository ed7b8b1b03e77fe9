import type { KeyboardEvent, RefObject } from "react";
import type { VirtualizerHandle } from "virtua";
import type { Row } from "./rows.ts";

interface Keys {
  list: RefObject<VirtualizerHandle | null>;
  scroller: RefObject<HTMLDivElement | null>;
  rows: readonly Row[];
  onHome: () => void;
  onEnd: () => void;
  onUp: () => void;
}

/** The keys of the log: Home and End of the room, j and k (or arrows, from a message on) through its rows. */
export function useKeys({ list, scroller, rows, onHome, onEnd, onUp }: Keys) {
  const step = (by: 1 | -1, from: Element | null) => {
    const [l, el] = [list.current, scroller.current];
    if (!l || !el) return;
    const key = from?.getAttribute("data-row");
    const last = l.findItemIndex(el.scrollTop + el.clientHeight - 1);
    const now =
      key === undefined || key === null ? last + (by < 0 ? 1 : 0) : rows.findIndex((r) => r.key === key);
    const row = rows[now + by];
    if (!row) return;
    l.scrollToIndex(now + by, { align: "nearest" });
    requestAnimationFrame(() => {
      const next = el.querySelector(`[data-row="${CSS.escape(row.key)}"] [tabindex="-1"]`);
      if (next instanceof HTMLElement) next.focus({ preventScroll: true });
    });
  };

  return (e: KeyboardEvent<HTMLDivElement>) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !(e.target instanceof Element)) return;
    const row = e.target.closest("[data-row]");
    switch (e.key) {
      case "Home":
      case "End":
        scroller.current?.focus({ preventScroll: true }); // the message that has the focus may go
        (e.key === "Home" ? onHome : onEnd)();
        break;
      case "PageUp":
        onUp();
        return;
      case "ArrowUp":
      case "k":
        onUp();
        if (e.key === "ArrowUp" && !row) return; // scrolls
        step(-1, row);
        break;
      case "ArrowDown":
      case "j":
        if (e.key === "ArrowDown" && !row) return;
        step(1, row);
        break;
      default:
        return;
    }
    e.preventDefault();
  };
}
