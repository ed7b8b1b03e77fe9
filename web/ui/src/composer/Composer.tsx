import type { Room } from "../store/api.ts";

/** Where a member writes. */
export function Composer({ room }: { room: Room }) {
  return <textarea aria-label={room.name} />;
}
