import { useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { api, type Room, useRoomsQuery } from "../store/api.ts";
import { useStore, useStoreDispatch } from "../store/store.ts";
import { useLive } from "../store/useLive.ts";
import { rememberedRooms, rememberRooms } from "../app/remembered.ts";
import { byActivity, others } from "./order.ts";

export interface Rooms {
  /** The caller's, in the order in which they are shown. */
  mine: readonly Room[];
  others: readonly Room[];
  /** Nothing is known yet. */
  loading: boolean;
  /** It could not be asked, and nothing is kept. */
  error: unknown;
}

/** The room list; without the server the one that this browser saw last. */
export function useRooms(): Rooms {
  const { user } = useLive();
  const { data, error } = useRoomsQuery(undefined);
  const [kept] = useState(() => rememberedRooms(user.id));
  const rooms = data ?? kept;
  // Not the order itself: events come 50 times a second, and seldom change it.
  const order = useStore(
    (s) =>
      rooms &&
      byActivity(rooms, s.live.rooms)
        .map((r) => r.id)
        .join(" "),
  );
  return useMemo(() => {
    const byId = new Map(rooms?.map((r) => [r.id, r]));
    const mine = (order?.split(" ") ?? []).flatMap((id) => byId.get(id) ?? []);
    return { mine, others: others(rooms ?? []), loading: !rooms && !error, error: rooms ? undefined : error };
  }, [rooms, order, error]);
}

/** Follows the caller's rooms and the open one, and keeps the list up to date. Once in the app. */
export function useFollowing(open: string | undefined): void {
  const live = useLive();
  const dispatch = useStoreDispatch();
  const { data: rooms, isError } = useRoomsQuery(undefined, {
    pollingInterval: 60_000,
    skipPollingIfUnfocused: true,
    refetchOnFocus: true,
    refetchOnReconnect: true,
  });
  const [kept] = useState(() => rememberedRooms(live.user.id));

  useEffect(() => {
    for (const r of rooms ?? kept ?? []) if (r.member) live.follow(r.id, r.head);
  }, [live, rooms, kept]);

  useEffect(() => {
    if (!rooms) return;
    rememberRooms(live.user.id, rooms);
    const mine = new Set(rooms.filter((r) => r.member).map((r) => r.id));
    for (const id of Object.keys(live.state.rooms)) if (!mine.has(id) && id !== open) live.forget(id);
  }, [live, rooms, open]);

  // While the line was down, rooms may have come and gone.
  const isOpen = useStore((s) => s.live.status === "open");
  const opens = useRef(0);
  const opened = useEffectEvent(() => {
    if (opens.current++ > 0 || isError)
      dispatch(api.util.invalidateTags(isError ? ["Me", "Rooms", "Members"] : ["Rooms", "Members"]));
  });
  useEffect(() => {
    if (isOpen) opened();
  }, [isOpen]);

  const refused = useStore((s) =>
    Object.values(s.live.rooms)
      .flatMap((r) => (r.refused ? r.room : []))
      .join(" "),
  );
  useEffect(() => {
    if (refused) dispatch(api.util.invalidateTags(["Rooms"]));
  }, [dispatch, refused]);
}
