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
  again: () => void;
}

/** The room list; without the server the one that this browser saw last. */
export function useRooms(): Rooms {
  const { user } = useLive();
  const { data, error, refetch } = useRoomsQuery(undefined);
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
    return {
      mine,
      others: others(rooms ?? []),
      loading: !rooms && !error,
      error: rooms ? undefined : error,
      again: () => void refetch(),
    };
  }, [rooms, order, error, refetch]);
}

// Of the 200 that live follows: those that are open, in any tab, keep their places beside them.
const FOLLOWED = 180;

/**
 * Follows the caller's rooms, of very many the most active ones, and the open one, and keeps
 * the list up to date. Once in the app.
 */
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

  // What is known of activity is there when the line stands.
  const isOpen = useStore((s) => s.live.status === "open");
  useEffect(() => {
    const mine = byActivity(rooms ?? kept ?? [], live.state.rooms);
    for (const r of mine.slice(0, FOLLOWED)) live.follow(r.id, r.head);
  }, [live, rooms, kept, isOpen]);
  useEffect(() => {
    const at = (rooms ?? kept)?.find((r) => r.id === open);
    if (at) live.follow(at.id, at.head); // last: whoever asked last has a place
  }, [live, rooms, kept, isOpen, open]);

  useEffect(() => {
    if (!rooms) return;
    rememberRooms(live.user.id, rooms);
    const mine = new Set(rooms.filter((r) => r.member).map((r) => r.id));
    for (const id of Object.keys(live.state.rooms)) if (!mine.has(id) && id !== open) live.forget(id);
  }, [live, rooms, open]);

  // While the line was down, rooms may have come and gone.
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
