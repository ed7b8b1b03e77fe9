import type { LiveState } from "../live/live.ts";

export type Line = "open" | "offline" | "reconnecting" | "catching-up" | "ended";

const long = 200; // fewer events are there before one has read the banner

/** How far the followed rooms are behind their heads, and all that was to come. */
export function behind(rooms: LiveState["rooms"]): number {
  let n = 0;
  for (const r of Object.values(rooms)) if (!r.refused && !r.caughtUp) n += Math.max(0, r.head - r.cursor);
  return n;
}

/** What the line is like, in one word. */
export function lineOf(state: LiveState, online: boolean): Line {
  if (!online) return "offline";
  if (state.status === "ended") return "ended";
  if (state.status !== "open") return "reconnecting";
  return behind(state.rooms) > long ? "catching-up" : "open";
}

/** How many messages are not in their room's log yet. */
export function unsentOf(state: LiveState, room?: string): number {
  return state.outbox.filter((m) => m.seq === undefined && (room === undefined || m.room === room)).length;
}
