import type { User } from "../net/index.ts";
import type { Room } from "../store/api.ts";
import { keep, kept } from "../store/kept.ts";

// What lets the app open without the server: who was signed in last, and that user's rooms.
const USER = "confab.user";
const ROOMS = "confab.rooms.";

export function rememberedUser(): User | undefined {
  const u = load(USER) as Partial<User> | null | undefined;
  return typeof u?.id === "string" && typeof u.name === "string" ? (u as User) : undefined;
}

export function rememberUser(user: User): void {
  keep(USER, JSON.stringify(user));
}

export function rememberedRooms(user: string): Room[] | undefined {
  const rooms = load(ROOMS + user);
  return Array.isArray(rooms) && rooms.every(isRoom) ? rooms : undefined;
}

// Another version may have written it.
function isRoom(v: unknown): v is Room {
  const r = v as Partial<Room> | null;
  return typeof r?.id === "string" && typeof r.name === "string" && Number.isSafeInteger(r.head);
}

export function rememberRooms(user: string, rooms: readonly Room[]): void {
  keep(ROOMS + user, JSON.stringify(rooms));
}

/** At sign-out. Somebody else may be signed in by now, in another tab. */
export function forgetUser(id = rememberedUser()?.id): void {
  if (id === rememberedUser()?.id) keep(USER, undefined);
  if (id !== undefined) keep(ROOMS + id, undefined);
}

function load(key: string): unknown {
  try {
    return JSON.parse(kept(key) ?? "null") as unknown;
  } catch {
    return undefined; // not of our writing
  }
}
