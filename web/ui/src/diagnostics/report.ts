import type { LiveState } from "../live/live.ts";
import type { Room } from "../store/api.ts";

export interface RoomReport {
  room: string;
  name: string;
  cursor: number;
  /** The newest seq that the line told of, or the server on being asked. */
  head: number;
  epoch?: string;
  missing: number;
  refused?: string;
}

/** Per followed room what has come and what is still to come; those with something missing first. */
export function roomReports(rooms: LiveState["rooms"], listed: readonly Room[]): RoomReport[] {
  const byId = new Map(listed.map((r) => [r.id, r]));
  return Object.values(rooms)
    .map((r) => {
      const head = Math.max(r.head, r.cursor);
      return {
        room: r.room,
        name: byId.get(r.room)?.name ?? r.room,
        cursor: r.cursor,
        head,
        ...(r.epoch !== undefined && { epoch: r.epoch }),
        missing: r.refused ? 0 : head - r.cursor,
        ...(r.refused && { refused: r.refused.code }),
      };
    })
    .sort((a, b) => b.missing - a.missing || a.name.localeCompare(b.name));
}

export interface Checked {
  /** Rooms that were compared. */
  rooms: number;
  /** Events that the server has and this browser has not. */
  missing: number;
  /** Cursors that are past the server's head: the histories differ. */
  ahead: number;
}

/**
 * Compares cursors with the heads that the server's list gave. `before` is the state when it
 * was asked, `after` when the answer was there: an event that came meanwhile is not missing,
 * and a room that moved meanwhile is not ahead.
 */
export function check(
  before: LiveState["rooms"],
  after: LiveState["rooms"],
  listed: readonly Room[],
): Checked {
  const result = { rooms: 0, missing: 0, ahead: 0 };
  for (const { id, head } of listed) {
    const now = after[id];
    if (!now || now.refused) continue;
    result.rooms++;
    result.missing += Math.max(0, head - now.cursor);
    if ((before[id]?.cursor ?? 0) > head) result.ahead++;
  }
  return result;
}

/** What one copies to show somebody: no message, only numbers and names. */
export function report(state: LiveState, rooms: readonly RoomReport[], at: Date): string {
  const { status, ended, node, roundTrip, leader, unkept, violations, outbox } = state;
  return JSON.stringify(
    {
      at: at.toISOString(),
      status,
      ended,
      node,
      roundTrip,
      leader,
      unkept,
      unsent: outbox.length,
      rooms,
      violations,
    },
    null,
    2,
  );
}
