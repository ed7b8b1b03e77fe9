import { createSlice, original, type Draft, type PayloadAction } from "@reduxjs/toolkit";
import type { Sequenced } from "../live/live.ts";
import { eventsCame, live, roomReset } from "../store/live.ts";
import * as windows from "./window.ts";
import type { Target, Window } from "./window.ts";

export interface TimelineState {
  readonly rooms: Readonly<Record<string, Window>>;
  /** The rooms whose windows are kept, the one looked at last first. */
  readonly recent: readonly string[];
}

const KEPT = 10;
const nothing: TimelineState = { rooms: {}, recent: [] };

interface Of {
  room: string;
  /** The opening, or the window, that asked. */
  id: number;
}
type Page = Of & { events: readonly Sequenced[]; head: number };
type End = "before" | "after";

export const timeline = createSlice({
  name: "timeline",
  initialState: nothing,
  reducers: {
    /** A room is looked at. */
    shown(state, { payload: room }: PayloadAction<string>) {
      const recent = [room, ...state.recent.filter((r) => r !== room)];
      for (const old of recent.splice(KEPT)) forget(state, old);
      state.recent = recent;
    },
    opening(state, { payload }: PayloadAction<Of & { target?: Target | undefined }>) {
      const { room, id, target } = payload;
      change(state, room, (w) => ({ ...w, opening: { id, target, failed: false } }));
    },
    opened(state, { payload: { room, id, events, head } }: PayloadAction<Page>) {
      change(state, room, (w) => windows.begun(w, id, events, head));
    },
    notOpened(state, { payload: { room, id } }: PayloadAction<Of>) {
      change(state, room, (w) =>
        w.opening?.id === id ? { ...w, opening: { ...w.opening, failed: true } } : w,
      );
    },
    asked(state, { payload: { room, end } }: PayloadAction<{ room: string; end: End }>) {
      change(state, room, (w) => ({ ...w, [end]: "loading" }));
    },
    older(state, { payload: { room, id, events } }: PayloadAction<Page>) {
      change(state, room, (w) => (w.id === id ? windows.prepended(w, events) : w));
    },
    newer(state, { payload: { room, id, events, head } }: PayloadAction<Page>) {
      change(state, room, (w) => (w.id === id ? windows.appended(w, events, head) : w));
    },
    failed(state, { payload: { room, id, end } }: PayloadAction<Of & { end: End }>) {
      change(state, room, (w) => (w.id === id ? { ...w, [end]: "failed" } : w));
    },
    trimmed(state, { payload: { room, keep } }: PayloadAction<{ room: string; keep: "first" | "last" }>) {
      change(state, room, (w) => windows.trimmed(w, keep));
    },
    /** The room has events up to there, it was said. */
    headKnown(state, { payload: { room, head } }: PayloadAction<{ room: string; head: number }>) {
      change(state, room, (w) => (head > w.head && w.events.length > 0 ? { ...w, head } : w));
    },
  },
  extraReducers: (builder) => {
    builder
      .addCase(eventsCame, (state, { payload: { room, events } }) => {
        if (state.rooms[room]) change(state, room, (w) => windows.came(w, events));
      })
      .addCase(roomReset, (state, { payload: room }) => {
        forget(state, room);
      })
      .addCase(live.actions.signedOut, () => nothing);
  },
});

export const { shown, trimmed, headKnown } = timeline.actions;

// The windows are replaced, not changed in place: walking 2,000 events through drafts is slow.
function change(state: Draft<TimelineState>, room: string, to: (w: Window) => Window) {
  const now = (original(state) as TimelineState).rooms[room] ?? windows.blank;
  const next = to(now);
  if (next !== now) state.rooms[room] = next as Draft<Window>;
}

function forget(state: Draft<TimelineState>, room: string) {
  state.rooms = Object.fromEntries(Object.entries(state.rooms).filter(([r]) => r !== room));
}
