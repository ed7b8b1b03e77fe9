// What the timeline asks of the server. Answers find their window by its id, or are dropped.
import type { Live, Sequenced } from "../live/live.ts";
import { api } from "../store/api.ts";
import type { Dispatch, State } from "../store/store.ts";
import { readPage } from "./page.ts";
import { timeline } from "./slice.ts";
import { contains, first, isLive, last, type Target } from "./window.ts";

export const PAGE = 100;
/** A gap up to the newest that is not worth loading all of. */
export const FAR = 5 * PAGE;

type Thunk = (dispatch: Dispatch, state: () => State) => Promise<void>;
const { opening, opened, notOpened, asked, older, newer, failed } = timeline.actions;
let openings = 0;

/** Begins at the newest: with what this browser kept, else with the server's. */
export function openNewest(room: string, head: number, live: Pick<Live, "kept">): Thunk {
  return async (dispatch) => {
    let id = ++openings;
    dispatch(opening({ room, id }));
    const kept = await live.kept(room).catch(() => []);
    const end = kept.at(-1)?.seq ?? 0;
    if (end > 0) {
      dispatch(opened({ room, id, events: kept, head: Math.max(head, end) }));
      if (head - end <= FAR) return;
      id = ++openings;
      dispatch(opening({ room, id }));
    }
    try {
      dispatch(opened({ room, id, ...(await newest(dispatch, room, head)) }));
    } catch {
      dispatch(notOpened({ room, id }));
    }
  };
}

/** Begins around an event; at the newest if there is no such event yet. */
export function openAt(room: string, target: Target, live: Pick<Live, "kept">): Thunk {
  return async (dispatch, state) => {
    const w = state().timeline.rooms[room];
    if (w && contains(w, target.seq)) return;
    const id = ++openings;
    dispatch(opening({ room, id, target }));
    const kept = await live.kept(room).catch(() => []);
    const [start, end] = [kept[0]?.seq ?? Infinity, kept.at(-1)?.seq ?? 0];
    if (start <= target.seq && target.seq <= end) {
      dispatch(opened({ room, id, events: kept, head: end }));
      return;
    }
    try {
      const after = Math.max(0, target.seq - 1 - PAGE / 2);
      let page = await events(dispatch, room, after, PAGE);
      if (target.seq > page.head) page = await newest(dispatch, room, page.head);
      dispatch(opened({ room, id, ...page }));
    } catch {
      dispatch(notOpened({ room, id }));
    }
  };
}

export function loadOlder(room: string): Thunk {
  return async (dispatch, state) => {
    const w = state().timeline.rooms[room];
    if (!w || w.before === "loading" || first(w) <= 1) return;
    const { id } = w;
    const after = Math.max(0, first(w) - 1 - PAGE);
    dispatch(asked({ room, end: "before" }));
    try {
      dispatch(older({ room, id, ...(await events(dispatch, room, after, first(w) - 1 - after)) }));
    } catch {
      dispatch(failed({ room, id, end: "before" }));
    }
  };
}

export function loadNewer(room: string): Thunk {
  return async (dispatch, state) => {
    const w = state().timeline.rooms[room];
    if (!w || w.after === "loading" || w.events.length === 0 || isLive(w)) return;
    const { id } = w;
    dispatch(asked({ room, end: "after" }));
    try {
      dispatch(newer({ room, id, ...(await events(dispatch, room, last(w), PAGE)) }));
    } catch {
      dispatch(failed({ room, id, end: "after" }));
    }
  };
}

interface Page {
  events: readonly Sequenced[];
  head: number;
}

// The head that is known may be old, or of another history: the answer says the one of now.
async function newest(dispatch: Dispatch, room: string, head: number): Promise<Page> {
  for (let tries = 0; ; tries++) {
    const page = await events(dispatch, room, Math.max(0, head - PAGE), PAGE);
    const end = page.events.at(-1)?.seq ?? 0;
    const near = page.head - end < PAGE && (end > 0 || page.head === 0);
    if (near || tries === 2) return page;
    head = page.head;
  }
}

async function events(dispatch: Dispatch, room: string, after: number, limit: number): Promise<Page> {
  const ask = api.endpoints.events.initiate({ room, after, limit }, { subscribe: false, forceRefetch: true });
  const page = await dispatch(ask).unwrap();
  return { events: readPage(page.events, after), head: page.head };
}
