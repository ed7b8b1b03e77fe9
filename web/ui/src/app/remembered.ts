import type { User } from "../net/index.ts";
import type { Room } from "../store/api.ts";

// What lets the app open without the server: who was signed in last, and that user's rooms.
const USER = "confab.user";
const ROOMS = "confab.rooms.";

export function rememberedUser(): User | undefined {
  const u = load(USER) as Partial<User> | undefined;
  return typeof u?.id === "string" && typeof u.name === "string" ? (u as User) : undefined;
}

export function rememberUser(user: User): void {
  keep(USER, user);
}

export function rememberedRooms(user: string): Room[] | undefined {
  const rooms = load(ROOMS + user);
  return Array.isArray(rooms) ? (rooms as Room[]) : undefined;
}

export function rememberRooms(user: string, rooms: readonly Room[]): void {
  keep(ROOMS + user, rooms);
}

/** At sign-out. */
export function forgetUser(): void {
  const user = rememberedUser();
  try {
    localStorage.removeItem(USER);
    if (user) localStorage.removeItem(ROOMS + user.id);
  } catch {
    // nothing was kept
  }
}

function load(key: string): unknown {
  try {
    const v = localStorage.getItem(key);
    return v === null ? undefined : (JSON.parse(v) as unknown);
  } catch {
    return undefined;
  }
}

function keep(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // the browser keeps nothing; the app needs the server to open, then
  }
}
