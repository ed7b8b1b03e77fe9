import { useEffect, useState } from "react";
import { openLive } from "../live/index.ts";
import type { Live } from "../live/live.ts";
import type { RoomEvent, User } from "../net/index.ts";
import { api } from "../store/api.ts";
import { eventsCame, live as slice, roomReset } from "../store/live.ts";
import { useStoreDispatch } from "../store/store.ts";

/** Opens the live side of a user, and tells the store of it, while the component is mounted. */
export function useLiveOf(user: User): Live | undefined {
  const dispatch = useStoreDispatch();
  const [live, setLive] = useState<Live>();
  useEffect(() => {
    let closed = false;
    const opened = openLive({
      user,
      listener: {
        changed(state) {
          if (!closed) dispatch(slice.actions.changed(state)); // the store may be the next user's
        },
        events(room, events) {
          dispatch(eventsCame({ room, events }));
          const moves = events.filter(isMembership);
          if (moves.length === 0) return;
          const mine = moves.some((e) => e.user.id === user.id);
          dispatch(api.util.invalidateTags(mine ? ["Rooms", members(room)] : [members(room)]));
        },
        reset: (room) => dispatch(roomReset(room)),
      },
    });
    // eslint-disable-next-line react-hooks/set-state-in-effect -- it lives as long as the effect
    setLive(opened);
    return () => {
      closed = true;
      opened.close();
      setLive(undefined);
      dispatch(slice.actions.signedOut());
    };
  }, [user, dispatch]);
  return live;
}

type Membership = RoomEvent & { kind: "member.joined" | "member.left" };

function isMembership<E extends RoomEvent>(e: E): e is E & Membership {
  return e.kind === "member.joined" || e.kind === "member.left";
}

function members(id: string) {
  return { type: "Members", id } as const;
}
