import { useText } from "../i18n/i18n.ts";
import type { Room } from "../store/api.ts";
import { useStoreDispatch } from "../store/store.ts";
import { loadNewer, loadOlder } from "./load.ts";
import { Again, Loading } from "./States.tsx";
import { first, isLive, type Window } from "./window.ts";

/** The height of what stands above the rows, in pixels: h-12. */
export const EDGE = 48;

/** What stands above the rows. */
export function Before({ room, w }: { room: Room; w: Window }) {
  const text = useText();
  const dispatch = useStoreDispatch();
  if (w.before === "failed")
    return <Again says="timeline.pageFailed" again={() => void dispatch(loadOlder(room.id))} />;
  if (first(w) > 1) return <Loading />;
  return (
    <p className="grid h-12 place-items-center px-4 text-center text-sm text-muted">
      <span className="line-clamp-2 wrap-anywhere">{text("timeline.beginning", { room: room.name })}</span>
    </p>
  );
}

/** What stands below the rows. */
export function After({ room, w }: { room: Room; w: Window }) {
  const dispatch = useStoreDispatch();
  if (isLive(w)) return <div className="h-3 shrink-0" />;
  if (w.after === "failed")
    return <Again says="timeline.pageFailed" again={() => void dispatch(loadNewer(room.id))} />;
  return <Loading />;
}
