import { DoorOpen, Link2, Lock, Users } from "lucide-react";
import { lazy, type Ref, useState } from "react";
import { Back } from "../app/Back.tsx";
import { Lazily } from "../app/Lazily.tsx";
import { IconButton } from "../app/ui.tsx";
import { useText } from "../i18n/i18n.ts";
import { type Room, useMembersQuery } from "../store/api.ts";
import { useCopy } from "../app/useCopy.tsx";
import { roomPath } from "./path.ts";

const Members = lazy(() => import("./Members.tsx"));
const Leave = lazy(() => import("./Leave.tsx"));

interface RoomHeaderProps {
  room: Room;
  titleRef: Ref<HTMLHeadingElement>;
}

export function RoomHeader({ room, titleRef }: RoomHeaderProps) {
  const text = useText();
  const { data } = useMembersQuery(room.id);
  const [dialog, setDialog] = useState<"members" | "leave">();
  const link = useCopy();
  const count = data?.members.length;
  return (
    <header className="flex min-h-14 items-center gap-1 border-b border-line px-2 pt-[env(safe-area-inset-top)] md:pl-4">
      <Back />
      <div className="min-w-0 flex-1">
        <h1 ref={titleRef} tabIndex={-1} className="truncate text-base leading-5 font-semibold outline-none">
          <bdi>{room.name}</bdi>
        </h1>
        <p className="flex h-5 items-center gap-1 truncate text-sm text-muted">
          {room.visibility === "private" && <Lock size={13} aria-hidden className="shrink-0" />}
          {text(room.visibility === "private" ? "rooms.private" : "rooms.public")}
          {count !== undefined && ` · ${text("rooms.memberCount", { count })}`}
        </p>
      </div>
      <IconButton label={text("rooms.members")} onClick={() => setDialog("members")}>
        <Users size={18} aria-hidden />
      </IconButton>
      <IconButton
        label={text("rooms.copyLink")}
        onClick={() => link.copy(location.origin + roomPath(room.id))}
      >
        <Link2 size={18} aria-hidden />
      </IconButton>
      {room.member && (
        <IconButton label={text("rooms.leave")} onClick={() => setDialog("leave")}>
          <DoorOpen size={18} aria-hidden />
        </IconButton>
      )}
      {link.said}
      <Lazily>
        {dialog === "members" && <Members room={room} close={() => setDialog(undefined)} />}
        {dialog === "leave" && <Leave room={room} close={() => setDialog(undefined)} />}
      </Lazily>
    </header>
  );
}
