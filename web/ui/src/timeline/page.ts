import type { Sequenced } from "../live/live.ts";
import { decodeEvent } from "../net/index.ts";

/** The events of a page after `after`, up to the first that is not where it must be. */
export function readPage(page: readonly unknown[], after: number): Sequenced[] {
  const events: Sequenced[] = [];
  for (const raw of page) {
    const seq = after + events.length + 1;
    if ((raw as { seq?: unknown } | null)?.seq !== seq) break;
    events.push({ ...decodeEvent(raw), seq });
  }
  return events;
}
