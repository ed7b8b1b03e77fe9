import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useStore } from "../store/store.ts";
import { roomAt } from "../rooms/path.ts";
import { totalUnread } from "./news.ts";
import { roomName } from "./roomName.ts";

/** "(3) Room – Confab", and the number at the app's icon where it is installed. */
export function useTitle(me: string): void {
  const [path] = useLocation();
  const unread = useSeldom(useStore((s) => totalUnread(s.live)));
  const room = roomAt(path);
  const name = useStore((s) => (room === undefined ? undefined : roomName(s, me, room)));

  useEffect(() => {
    document.title = title(unread, name);
  }, [unread, name]);
  useEffect(() => {
    if ("setAppBadge" in navigator) navigator.setAppBadge(unread).catch(() => undefined);
  }, [unread]);
  useEffect(
    () => () => {
      document.title = title(0, undefined);
      if ("clearAppBadge" in navigator) navigator.clearAppBadge().catch(() => undefined);
    },
    [],
  );
}

const SELDOM = 500; // ms: where much is said, the browser would be busy with its own frame

/** A value that changes often, followed at most twice a second. */
function useSeldom(value: number): number {
  const [shown, setShown] = useState(value);
  const changed = useRef(0);
  useEffect(() => {
    if (value === shown) return;
    const timer = setTimeout(
      () => {
        changed.current = performance.now();
        setShown(value);
      },
      changed.current + SELDOM - performance.now(),
    );
    return () => clearTimeout(timer);
  }, [value, shown]);
  return shown;
}

export function title(unread: number, room: string | undefined): string {
  return `${unread > 0 ? `(${unread}) ` : ""}${room ? `${room} – ` : ""}Confab`;
}
