import { server } from "./server.ts";

export interface Member {
  id: string;
  name: string;
}
export interface Room {
  id: string;
  name: string;
  head: number;
}
export interface LoggedEvent {
  seq: number;
  kind: string;
  key?: string;
  body?: string;
  actor: Member;
}

/** Somebody at the REST API, beside the browser or without one. */
export class Api {
  constructor(
    readonly token: string,
    readonly user: Member,
  ) {}

  static async guest(name: string): Promise<Api> {
    const s = await call<{ token: string; user: Member }>("POST", "/sessions/guest", { name });
    return new Api(s.token, s.user);
  }

  static async account(name: string, password: string): Promise<Api> {
    await call("POST", "/users", { name, password });
    return Api.signIn(name, password);
  }

  static async signIn(name: string, password: string): Promise<Api> {
    const s = await call<{ token: string; user: Member }>("POST", "/sessions", { name, password });
    return new Api(s.token, s.user);
  }

  call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    return call<T>(method, path, body, { Authorization: `Bearer ${this.token}`, ...headers });
  }

  async createRoom(name: string, visibility: "public" | "private" = "public"): Promise<Room> {
    return (await this.call<{ room: Room }>("POST", "/rooms", { name, visibility })).room;
  }

  join(room: string) {
    return this.call("PUT", `/rooms/${room}/members/me`);
  }

  async say(room: string, body: string, key: string = crypto.randomUUID()): Promise<number> {
    const answer = await this.call<{ message: { seq: number } }>(
      "POST",
      `/rooms/${room}/messages`,
      { body },
      { "Idempotency-Key": key },
    );
    return answer.message.seq;
  }

  /** All events of a room, from the first. */
  async events(room: string): Promise<LoggedEvent[]> {
    const all: LoggedEvent[] = [];
    for (;;) {
      const page = await this.call<{ events: LoggedEvent[]; more: boolean }>(
        "GET",
        `/rooms/${room}/events?limit=200&after=${all.at(-1)?.seq ?? 0}`,
      );
      all.push(...page.events);
      if (!page.more) return all;
    }
  }
}

async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const answer = await fetch(`${server}/api/v1${path}`, {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === "" ? null : JSON.parse(text)) as T;
}
