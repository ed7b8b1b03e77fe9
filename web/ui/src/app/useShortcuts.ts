import { useEffect, useEffectEvent } from "react";
import { useLocation } from "wouter";
import { filterId } from "../rooms/RoomList.tsx";
import { beside } from "../rooms/order.ts";
import { useRooms } from "../rooms/useRooms.ts";
import { useLive } from "../store/useLive.ts";
import { roomPath } from "../rooms/path.ts";

/** The shortcuts that hold everywhere; the sheet tells them. */
export function useShortcuts(open: string | undefined, showSheet: () => void): void {
  const live = useLive();
  const { mine } = useRooms();
  const [path, navigate] = useLocation();

  const pressed = useEffectEvent((e: KeyboardEvent) => {
    if (e.defaultPrevented || e.isComposing || document.querySelector("dialog[open]")) return;
    const step = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : undefined;
    const mod = e.ctrlKey || e.metaKey;
    if (mod && !e.altKey && !e.shiftKey && e.key.toLowerCase() === "k") {
      const filter = document.getElementById(filterId);
      if (filter?.offsetParent === null && path !== "/") navigate("/"); // on a phone, the list is elsewhere
      requestAnimationFrame(() => document.getElementById(filterId)?.focus());
    } else if (step && e.altKey && !mod) {
      const to = beside(mine, open, step, e.shiftKey ? live.state.rooms : undefined);
      if (to) navigate(roomPath(to.id));
    } else if (e.key === "?" && !mod && !e.altKey && !typing(e.target)) {
      showSheet();
    } else if (e.key === "Escape") {
      focusComposer();
      return;
    } else {
      return;
    }
    e.preventDefault();
  });

  useEffect(() => {
    const on = (e: KeyboardEvent) => pressed(e);
    addEventListener("keydown", on);
    return () => removeEventListener("keydown", on);
  }, []);
}

/** Puts the cursor where one writes; false where one cannot. */
export function focusComposer(): boolean {
  const composer = document.querySelector<HTMLTextAreaElement>("#main textarea");
  composer?.focus();
  return composer !== null;
}

function typing(at: EventTarget | null): boolean {
  return (
    at instanceof HTMLElement && at.matches("input:not([type=radio]), textarea, select, [contenteditable]")
  );
}
