import { Lock } from "lucide-react";
import { memo } from "react";
import { Link } from "wouter";
import { useText } from "../i18n/i18n.ts";
import { plain } from "../markdown/plain.ts";
import { useReader } from "../markdown/reader.ts";
import type { Room } from "../store/api.ts";
import { useStore } from "../store/store.ts";
import { roomPath } from "./path.ts";

interface RoomLinkProps {
  room: Room;
  current: boolean;
}

const most = 99; // the badge shows "99+" above

/** One room of the list: its name, its last message, and how much is unread. */
export const RoomLink = memo(function RoomLink({ room, current }: RoomLinkProps) {
  const text = useText();
  useReader(); // its last message may have waited for it
  const last = useStore((s) => s.live.rooms[room.id]?.last);
  const empty = useStore((s) => s.live.rooms[room.id]?.caughtUp);
  const unread = useStore((s) => (room.member ? (s.live.rooms[room.id]?.unread ?? 0) : 0));
  return (
    <Link
      href={roomPath(room.id)}
      aria-current={current ? "page" : undefined}
      className={`flex items-center gap-2 rounded-md px-2 ${room.member ? "h-14" : "h-9"} ${current ? "bg-hover" : "hover:bg-hover"}`}
    >
      <span className="min-w-0 flex-1">
        <span className={`flex items-center gap-1 ${unread > 0 ? "font-semibold" : "font-medium"}`}>
          {room.visibility === "private" && (
            <Lock size={13} role="img" aria-label={text("rooms.private")} className="shrink-0" />
          )}
          <bdi className="truncate">{room.name}</bdi>
        </span>
        {room.member && (
          <span className="block h-5 truncate text-sm text-muted">
            {last ? `${last.actor.name}: ${plain(last.body)}` : empty && text("rooms.empty")}
          </span>
        )}
      </span>
      {unread > 0 && (
        <span className="min-w-6 shrink-0 rounded-full bg-accent px-1.5 text-center text-xs leading-5 font-semibold text-on-accent">
          <span aria-hidden="true">{unread > most ? `${most}+` : unread}</span>
          <span className="sr-only">{text("rooms.unread", { count: unread })}</span>
        </span>
      )}
    </Link>
  );
});
