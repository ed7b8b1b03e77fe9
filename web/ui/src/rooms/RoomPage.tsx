import { useEffect, useRef } from "react";
import { NotFound } from "../app/Plain.tsx";
import { problemText } from "../app/problemText.ts";
import { Alert, Button } from "../app/ui.tsx";
import { focusComposer } from "../app/useShortcuts.ts";
import { Composer } from "../composer/Composer.tsx";
import { useText } from "../i18n/i18n.ts";
import { problem, type Room, useRoomQuery } from "../store/api.ts";
import { useStore } from "../store/store.ts";
import { useLive } from "../store/useLive.ts";
import { Timeline } from "../timeline/Timeline.tsx";
import { JoinBar } from "./JoinBar.tsx";
import { RoomHeader } from "./RoomHeader.tsx";
import { useRooms } from "./useRooms.ts";

/** A room by its id, which need not be in the list, nor be there at all. */
export function RoomPage({ id, at }: { id: string; at: number | undefined }) {
  const text = useText();
  const { mine, others, loading } = useRooms();
  const listed = [...mine, ...others].find((r) => r.id === id);
  const { data, error, refetch } = useRoomQuery(id, { skip: loading || listed !== undefined });
  const refused = useStore((s) => s.live.rooms[id]?.refused?.code === "not_found");
  const room = listed ?? data?.room;
  const gone = error !== undefined && problem(error).code === "not_found";
  if (gone || (refused && !listed))
    return <NotFound title={text("rooms.notFound")} hint={text("rooms.notFoundHint")} />;
  if (room) return <Open room={room} at={at} />;
  if (error === undefined) return <div aria-busy="true" className="h-14 border-b border-line" />;
  return (
    <div className="m-auto flex flex-col gap-4 p-6">
      <Alert>{problemText(error)}</Alert>
      <Button onClick={() => void refetch()}>{text("app.tryAgain")}</Button>
    </div>
  );
}

function Open({ room, at }: { room: Room; at: number | undefined }) {
  const live = useLive();
  const title = useRef<HTMLHeadingElement>(null);
  const { id, head, member } = room;
  useEffect(() => live.follow(id, head), [live, id, head]);
  useEffect(() => {
    // With fingers, the focus on the composer would bring the keyboard up over what one came to read.
    const fine = matchMedia("(pointer: fine)").matches;
    if (document.querySelector("dialog[open]")) return;
    if (!(fine && focusComposer())) title.current?.focus({ preventScroll: true });
  }, [id, member]);
  return (
    <>
      <RoomHeader room={room} titleRef={title} />
      <Timeline room={room} at={at} />
      <div className="pb-[env(safe-area-inset-bottom)]">
        {member ? <Composer room={room} /> : <JoinBar room={room} />}
      </div>
    </>
  );
}
