// What is shown of a room: events without a gap, from anywhere in it. Pure functions; each
// moves one end only, since the virtual list keeps its place for one end at a time.
import type { Sequenced } from "../live/live.ts";

export type End = "idle" | "loading" | "failed";
/** Where the list is to be once the window has begun; without it, at the newest. */
export interface Target {
  readonly seq: number;
  readonly align: "center" | "start";
}

export interface Window {
  /** Rises when it begins anew: late answers to what was asked before are dropped by it. */
  readonly id: number;
  readonly events: readonly Sequenced[];
  /** The newest seq that is known. */
  readonly head: number;
  readonly before: End;
  readonly after: End;
  readonly target?: Target | undefined;
  /** It is asked for, here or elsewhere in the room; what is shown stays until then. */
  readonly opening?: { readonly id: number; readonly target?: Target | undefined; readonly failed: boolean };
  /** Newest events that do not reach up to the window yet: a page that comes may close the gap. */
  readonly ahead: readonly Sequenced[];
}

/** So many events are kept; the list drops the far end. */
export const MOST = 2000;
const MOST_UNSEEN = 5 * MOST; // of a room that no list is there for
const MOST_AHEAD = 500;

export const blank: Window = { id: 0, events: [], head: 0, before: "idle", after: "idle", ahead: [] };

export const first = (w: Window): number => w.events[0]?.seq ?? 0;
export const last = (w: Window): number => w.events.at(-1)?.seq ?? 0;
export const contains = (w: Window, seq: number): boolean =>
  w.events.length > 0 && first(w) <= seq && seq <= last(w);
/** Whether what comes live follows on. */
export const isLive = (w: Window): boolean => w.events.length > 0 && last(w) >= w.head;

export function begun(w: Window, id: number, events: readonly Sequenced[], head: number): Window {
  const { opening, ...rest } = w;
  if (opening?.id !== id) return w;
  // The head that was known may be of another history; the answer's is of now.
  const empty = { ...rest, id, events: [], head: w.ahead.at(-1)?.seq ?? 0, target: opening.target };
  return append({ ...empty, before: "idle", after: "idle" }, events, head);
}

export function prepended(w: Window, events: readonly Sequenced[]): Window {
  const older = { ...w, before: "idle" as const };
  return events.length > 0 && events.at(-1)?.seq === first(w) - 1
    ? { ...older, events: [...events, ...w.events] }
    : older;
}

export function appended(w: Window, events: readonly Sequenced[], head: number): Window {
  return append({ ...w, after: "idle" }, events, head);
}

/** Events that came live, without a gap among them. */
export function came(w: Window, events: readonly Sequenced[]): Window {
  const newest = events.at(-1)?.seq ?? 0;
  const start = events[0]?.seq ?? 0;
  if (newest <= last(w)) return w;
  if (w.events.length > 0 && start <= last(w) + 1) return append(w, events, newest);
  const follows = start === (w.ahead.at(-1)?.seq ?? 0) + 1;
  const ahead = (follows ? [...w.ahead, ...events] : events).slice(-MOST_AHEAD);
  return { ...w, ahead, head: Math.max(w.head, newest) };
}

export function trimmed(w: Window, keep: "first" | "last"): Window {
  if (w.events.length <= MOST) return w;
  return { ...w, events: keep === "last" ? w.events.slice(-MOST) : w.events.slice(0, MOST) };
}

function append(w: Window, events: readonly Sequenced[], head: number): Window {
  const joined = [...w.events];
  for (const e of [...events, ...w.ahead]) {
    const end = joined.at(-1)?.seq;
    if (end === undefined || e.seq === end + 1) joined.push(e);
  }
  const end = joined.at(-1)?.seq ?? 0;
  return {
    ...w,
    events: joined.length > MOST_UNSEEN ? joined.slice(-MOST) : joined,
    head: Math.max(w.head, head, end),
    ahead: w.ahead.length > 0 && end >= (w.ahead.at(-1)?.seq ?? 0) ? [] : w.ahead,
  };
}
