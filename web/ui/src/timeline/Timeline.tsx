import { useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useReader } from "../markdown/reader.ts";
import type { Room } from "../store/api.ts";
import { useStore, useStoreDispatch } from "../store/store.ts";
import { useLive } from "../store/useLive.ts";
import { Announcer } from "./Announcer.tsx";
import { Jumps } from "./Jumps.tsx";
import { loadNewer, loadOlder, openAt, openNewest } from "./load.ts";
import { Log, type LogHandle } from "./Log.tsx";
import { notIn, rowsOf } from "./rows.ts";
import { headKnown, shown } from "./slice.ts";
import { Opening } from "./States.tsx";
import { useUnread } from "./useUnread.ts";
import { contains, isLive, type Target } from "./window.ts";
import { roomPath } from "../rooms/path.ts";

const MARKED_FOR = 3000;

/** The messages of a room; `at` is the seq of a linked event. */
export function Timeline({ room, at }: { room: Room; at?: number | undefined }) {
  const reader = useReader();
  if (!reader) return <div className="relative flex-1" />;
  return <RoomTimeline key={room.id} room={room} at={at} />;
}

function RoomTimeline({ room, at }: { room: Room; at: number | undefined }) {
  const dispatch = useStoreDispatch();
  const live = useLive();
  const [, navigate] = useLocation();
  const w = useStore((s) => s.timeline.rooms[room.id]);
  const outbox = useStore((s) => s.live.outbox);
  const open = useStore((s) => s.live.status === "open");
  const cursor = useStore((s) => s.live.rooms[room.id]?.cursor ?? 0);
  const log = useRef<LogHandle>(null);
  const [endSeen, setEndSeen] = useState(true);
  const [faded, setFaded] = useState<number>();
  const marked = at === faded ? undefined : at;
  const unread = useUnread(room.id, w);
  const head = Math.max(room.head, cursor);
  const known = w !== undefined;

  const pending = useMemo(() => outbox.filter((m) => m.room === room.id), [outbox, room.id]);
  const rows = useMemo(() => {
    const events = w?.events ?? [];
    // Elsewhere in the room the end of the list is not where they will be.
    const last = w && isLive(w) ? notIn(events, pending, live.user) : [];
    return rowsOf({ events, pending: last, me: live.user, divider: unread.divider });
  }, [w, pending, live.user, unread.divider]);

  const toNewest = () => {
    if (at !== undefined) navigate(roomPath(room.id));
    if (w && isLive(w)) log.current?.toEnd();
    else void dispatch(openNewest(room.id, Math.max(head, w?.head ?? 0), live));
  };
  const goTo = (target: Target) => {
    if (w && contains(w, target.seq)) log.current?.show(target);
    else void dispatch(openAt(room.id, target, live));
  };
  const begin = () => {
    if (w?.opening?.target) void dispatch(openAt(room.id, w.opening.target, live));
    else void dispatch(openNewest(room.id, head, live));
  };

  const begins = useEffectEvent((isKnown: boolean) => {
    dispatch(shown(room.id));
    if (isKnown) dispatch(headKnown({ room: room.id, head }));
    else if (at === undefined) begin();
    else void dispatch(openAt(room.id, { seq: at, align: "center" }, live));
  });
  useEffect(() => begins(known), [known]);

  const linked = useEffectEvent((seq: number) => {
    if (known) goTo({ seq, align: "center" });
  });
  useEffect(() => {
    if (at !== undefined) linked(at);
  }, [at]);
  useEffect(() => {
    if (marked === undefined || !w || !contains(w, marked)) return;
    const timer = setTimeout(() => setFaded(marked), MARKED_FOR);
    return () => clearTimeout(timer);
  }, [marked, w]);

  const retry = useEffectEvent(() => {
    if (w?.opening?.failed) begin();
    if (w?.before === "failed") void dispatch(loadOlder(room.id));
    if (w?.after === "failed") void dispatch(loadNewer(room.id));
  });
  useEffect(() => {
    if (open) retry();
  }, [open]);

  // Everything up to the cursor came to this browser; this tab may have been asleep.
  useEffect(() => {
    const timer = setTimeout(() => dispatch(headKnown({ room: room.id, head: cursor })), 1000);
    return () => clearTimeout(timer);
  }, [cursor, dispatch, room.id]);

  const written = pending.at(-1);
  // What was unsent before the room was opened is no reason to leave where a link led.
  const [opened] = useState(Date.now);
  const wrote = useEffectEvent(() => {
    if (written && written.written >= opened && !written.failed && document.hasFocus()) toNewest();
  });
  const writtenKey = written?.key;
  useEffect(() => wrote(), [writtenKey]);

  const empty = !w || w.events.length === 0;
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <Log
        ref={log}
        room={room}
        w={w}
        rows={rows}
        marked={marked}
        unread={unread.first}
        onUnreadSeen={unread.saw}
        onEndSeen={setEndSeen}
        onHome={() => goTo({ seq: 1, align: "start" })}
        onEnd={toNewest}
      />
      {(empty || w.opening?.failed) && (
        <Opening failed={w?.opening?.failed === true} empty={empty} again={begin} />
      )}
      {!empty && (
        <Jumps
          room={room.id}
          toNewest={endSeen && isLive(w) ? undefined : toNewest}
          toUnread={
            unread.first === undefined ? undefined : () => goTo({ seq: unread.first ?? 1, align: "start" })
          }
        />
      )}
      <Announcer w={w} me={live.user} />
    </div>
  );
}
