import { useEffect } from "react";
import { useLocation } from "wouter";
import { api } from "../store/api.ts";
import { useStore } from "../store/store.ts";
import { roomAt, totalUnread } from "./news.ts";

/** "(3) Room – Confab", and the number at the app's icon where it is installed. */
export function useTitle(): void {
  const [path] = useLocation();
  const unread = useStore((s) => totalUnread(s.live));
  const room = roomAt(path);
  const name = useStore(
    (s) =>
      api.endpoints.rooms
        .select(undefined)(s)
        .data?.find((r) => r.id === room)?.name,
  );

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

export function title(unread: number, room: string | undefined): string {
  return `${unread > 0 ? `(${unread}) ` : ""}${room ? `${room} – ` : ""}Confab`;
}
