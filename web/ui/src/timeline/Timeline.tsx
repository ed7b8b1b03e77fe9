import type { Room } from "../store/api.ts";

/** The messages of a room; `at` is the seq of a linked event. */
export function Timeline({ room, at }: { room: Room; at?: number | undefined }) {
  return (
    <div className="min-h-0 flex-1">
      {room.name} {at}
    </div>
  );
}
