import { useSyncExternalStore } from "react";

// One clock for all rows: it goes on while somebody looks, half a minute at a time.
const STEP = 30_000;
const lookers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

function tick() {
  now = Date.now();
  for (const look of lookers) look();
}

function look(f: () => void): () => void {
  if (lookers.size === 0) timer = setInterval(tick, STEP);
  lookers.add(f);
  return () => {
    lookers.delete(f);
    if (lookers.size === 0) clearInterval(timer);
  };
}

function lately(): number {
  if (Date.now() - now > STEP) now = Date.now();
  return now;
}

/** Milliseconds since 1970, half a minute old at most. */
export function useNow(): number {
  return useSyncExternalStore(look, lately);
}
