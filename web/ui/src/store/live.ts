import { createAction, createSlice, type PayloadAction } from "@reduxjs/toolkit";
import { idle } from "../live/idle.ts";
import type { LiveState, Sequenced } from "../live/live.ts";

/** The live state, as the store shows it to components. Live itself is in useLive(). */
export const live = createSlice({
  name: "live",
  initialState: idle,
  reducers: {
    changed: (_, { payload }: PayloadAction<LiveState>) => payload,
    signedOut: () => idle,
  },
});

/** Events of a room came; the timeline takes them. */
export const eventsCame = createAction<{ room: string; events: readonly Sequenced[] }>("live/events");

/** What is shown of the room is not its history; the timeline begins anew. */
export const roomReset = createAction<string>("live/reset");
