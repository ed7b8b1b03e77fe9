import { useState } from "react";
import { type Row, startOf } from "./rows.ts";

/** Whether rows were added or removed at the front: then the list keeps its place from the end. */
export function useShift(rows: readonly Row[]): boolean {
  const [state, setState] = useState({ rows, shift: false });
  if (state.rows === rows) return state.shift;
  const [was, is] = [state.rows[0], rows[0]];
  const next = { rows, shift: !!was && !!is && startOf(was) !== startOf(is) };
  setState(next);
  return next.shift;
}
