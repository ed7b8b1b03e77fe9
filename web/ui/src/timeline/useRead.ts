import { useEffect, useEffectEvent, useRef } from "react";
import { useLive } from "../store/useLive.ts";

const PAUSE = 400;

/** Moves the read position of a room up to what was in sight, while somebody is there to see it. */
export function useRead(room: string): (seq: number) => void {
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
    const look = () => tellNow();
    window.addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      window.removeEventListener("focus", look);
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
