import { useEffect, useEffectEvent, useRef } from "react";
import { useLive } from "../store/useLive.ts";

const PAUSE = 400;

/**
 * Moves the read position of a room up to what was in sight, while somebody is there to see
 * it. `window` is the id of the window in which it was.
 */
export function useRead(room: string, window: number): (seq: number) => void {
  const live = useLive();
  const seen = useRef(0);
  const told = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const tell = () => {
    timer.current = undefined;
    if (seen.current <= told.current || document.visibilityState !== "visible" || !document.hasFocus())
      return;
    told.current = seen.current;
    live.read(room, seen.current);
  };
  const tellNow = useEffectEvent(tell);
  useEffect(() => {
    // The last one's seqs may be of another history.
    clearTimeout(timer.current);
    timer.current = undefined;
    seen.current = told.current = 0;
  }, [window]);
  useEffect(() => {
    const look = () => tellNow();
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
      clearTimeout(timer.current);
      tellNow();
    };
  }, []);

  return (seq) => {
    if (seq <= seen.current) return;
    seen.current = seq;
    timer.current ??= setTimeout(tell, PAUSE);
  };
}
