import type { LiveState, RoomLive, Sequenced } from "../live/live.ts";

export type Posted = Sequenced & { kind: "message.posted" };

/** What is to be said of a room. */
export interface Notice {
  room: string;
  /** The newest message. */
  last: Posted;
  /** How many came since the last notice. */
  count: number;
}

interface Told {
  seq: number;
  unread: number;
}

/**
 * Finds what to notify of in what is known of the rooms. However many messages came between
 * two looks, a room has one notice: also after an hour offline.
 */
export class News {
  private readonly told = new Map<string, Told>();

  constructor(private readonly me: string) {}

  /** Whether a look would find something. */
  any(state: LiveState): boolean {
    return Object.values(state.rooms).some((r) => this.isNews(r));
  }

  /**
   * What came since the last look; `watched` is the room that somebody is looking at. What was
   * there when the app was opened is no news: the room list shows it.
   */
  look(state: LiveState, watched: string | undefined): Notice[] {
    return Object.values(state.rooms).flatMap((r) => {
      const { last, caughtUp, room, unread } = r;
      if (!caughtUp) return [];
      const before = this.told.get(room);
      const seq = last?.seq ?? 0;
      const news = this.isNews(r);
      if (seq !== before?.seq || unread < before.unread) this.told.set(room, { seq, unread });
      if (!news || !before || !last || room === watched) return [];
      const count = unread > before.unread ? unread - before.unread : unread;
      return [{ room, last, count }];
    });
  }

  private isNews({ room, last, caughtUp, read }: RoomLive): boolean {
    const before = this.told.get(room);
    if (!before) return caughtUp; // to be noted
    return (
      caughtUp && last !== undefined && last.seq > before.seq && last.seq > read && last.actor.id !== this.me
    );
  }
}

/** The messages of others that were not seen yet, in all rooms. */
export function totalUnread(state: LiveState): number {
  return Object.values(state.rooms).reduce((n, r) => n + (r.refused ? 0 : r.unread), 0);
}
