import { rememberedRooms } from "../app/remembered.ts";
import { api, type Room } from "../store/api.ts";
import type { State } from "../store/store.ts";

// Not read again for each change of the store.
let kept: { user: string; rooms: readonly Room[] } | undefined;

/** The name of a room, without the server as this browser saw it last. */
export function roomName(state: State, user: string, room: string): string | undefined {
  let rooms: readonly Room[] | undefined = api.endpoints.rooms.select(undefined)(state).data;
  if (!rooms) {
    if (kept?.user !== user) kept = { user, rooms: rememberedRooms(user) ?? [] };
    rooms = kept.rooms;
  }
  return rooms.find((r) => r.id === room)?.name;
}
