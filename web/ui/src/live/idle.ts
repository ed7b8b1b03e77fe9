import type { LiveState } from "./live.ts";

/** What is known before anything is. */
export const idle: LiveState = {
  status: "connecting",
  leader: false,
  maxBody: 8192,
  rooms: {},
  outbox: [],
  violations: [],
  unkept: false,
};
