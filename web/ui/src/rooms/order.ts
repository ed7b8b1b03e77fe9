import type { LiveState } from "../live/live.ts";
import type { Room } from "../store/api.ts";

type Known = LiveState["rooms"];

/** The caller's rooms, the one with the newest message first; those without any by name. */
export function byActivity(rooms: readonly Room[], known: Known): Room[] {
  const at = (r: Room) => known[r.id]?.last?.at ?? "";
  return rooms.filter((r) => r.member).sort((a, b) => compare(at(b), at(a)) || byName(a, b));
}

/** Public rooms that the caller is not in, by name. */
export function others(rooms: readonly Room[]): Room[] {
  return rooms.filter((r) => !r.member).sort(byName);
}

export function matching(rooms: readonly Room[], filter: string): Room[] {
  const words = filter.toLocaleLowerCase().split(/\s+/);
  return rooms.filter((r) => words.every((w) => r.name.toLocaleLowerCase().includes(w)));
}

/** The room `step` places after the open one, around the end; only unread ones if so asked. */
export function beside(
  ordered: readonly Room[],
  open: string | undefined,
  step: 1 | -1,
  unread?: Known,
): Room | undefined {
  const from = ordered.findIndex((r) => r.id === open);
  const start = from < 0 && step < 0 ? 0 : from;
  for (let i = 1; i <= ordered.length; i++) {
    const r = ordered.at((start + step * i) % ordered.length);
    if (r && r.id !== open && (!unread || (unread[r.id]?.unread ?? 0) > 0)) return r;
  }
  return undefined;
}

function byName(a: Room, b: Room): number {
  return a.name.localeCompare(b.name) || compare(a.id, b.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
