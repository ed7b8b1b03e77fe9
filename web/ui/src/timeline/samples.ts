// Events for tests.
import type { Pending, Sequenced } from "../live/live.ts";
import type { User } from "../net/index.ts";

export const ada: User = { id: "u-ada", name: "Ada" };
export const bob: User = { id: "u-bob", name: "Bob" };
export const noon = new Date(2026, 10, 24, 12).getTime();

export type Posted = Sequenced & { kind: "message.posted" };

export function message(seq: number, author = ada, at = noon): Posted {
  const time = new Date(at).toISOString();
  return {
    seq,
    id: `e${seq}`,
    at: time,
    actor: author,
    kind: "message.posted",
    key: `k${seq}`,
    body: `m${seq}`,
  };
}

export function messages(from: number, to: number): Posted[] {
  return Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
}

export function joined(seq: number, user: User, actor = user, at = noon): Sequenced {
  return {
    seq,
    id: `e${seq}`,
    at: new Date(at).toISOString(),
    actor,
    kind: "member.joined",
    user,
    role: "member",
  };
}

export function pending(key: string, more: Partial<Pending> = {}): Pending {
  return { key, room: "r", body: key, position: 1, written: noon, ...more };
}
