import type { User } from "../net/index.ts";
import type { Member } from "../store/api.ts";
import type { State } from "../store/store.ts";

const most = 6; // suggestions

/** Everybody whom this tab has met: in member lists that were asked for, and by the newest messages. */
export function known({ api, live }: Pick<State, "api" | "live">): User[] {
  const met = new Map<string, User>();
  for (const q of Object.values(api.queries)) {
    if (q?.endpointName !== "members") continue;
    for (const m of (q.data as { members: Member[] } | undefined)?.members ?? []) met.set(m.user.id, m.user);
  }
  for (const { last } of Object.values(live.rooms)) if (last) met.set(last.actor.id, last.actor);
  met.delete(""); // nobody did it
  return [...met.values()];
}

/** Those whose name begins with or has what was typed, or whose id it is; not members already. */
export function matchingPeople(people: readonly User[], members: readonly Member[], typed: string): User[] {
  const inside = new Set(members.map((m) => m.user.id));
  const word = typed.trim().toLocaleLowerCase();
  const rank = (u: User) => u.name.toLocaleLowerCase().indexOf(word);
  return people
    .filter((u) => !inside.has(u.id) && (rank(u) >= 0 || u.id === typed.trim()))
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
    .slice(0, most);
}
