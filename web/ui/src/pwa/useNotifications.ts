import { useEffect } from "react";
import { useStore as useReduxStore } from "react-redux";
import { useLocation } from "wouter";
import type { State } from "../store/store.ts";
import { roomAt } from "../rooms/path.ts";
import { News } from "./news.ts";
import { hide, onOpen, permission, show } from "./notifications.ts";
import { roomName } from "./roomName.ts";

/**
 * A pause before one is told, in which somebody may read it in whichever tab shows the room;
 * and at most one notice of a room in this time, however busy it is.
 */
const PAUSE = 1500;

/** Notifies of messages in rooms that nobody looks at. Of several tabs only the leader does. */
export function useNotifications(me: string): void {
  const store = useReduxStore<State>();
  const [, go] = useLocation();

  useEffect(() => onOpen((path) => go(path)), [go]);

  useEffect(() => {
    const news = new News(me);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let before = store.getState().live;

    const tell = () => {
      timer = undefined;
      const { live } = store.getState();
      const seen = document.visibilityState === "visible" && document.hasFocus();
      const notices = news.look(live, seen ? roomAt(location.pathname) : undefined);
      if (!live.leader || permission() !== "on") return;
      for (const n of notices) {
        const name = roomName(store.getState(), me, n.room) ?? "Confab";
        void show(n, name).catch(() => undefined); // the browser has its own mind
      }
    };
    const look = () => {
      const { live } = store.getState();
      if (live === before) return;
      const read = (room: string) => (live.rooms[room]?.unread ?? 0) === 0;
      const justRead = Object.values(before.rooms).some((r) => r.unread > 0 && read(r.room));
      before = live;
      if (justRead) void hide(read).catch(() => undefined);
      if (news.any(live)) timer ??= setTimeout(tell, PAUSE);
    };
    look();
    const stop = store.subscribe(look);
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [store, me]);
}
