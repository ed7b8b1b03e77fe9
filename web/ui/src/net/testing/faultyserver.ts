import { FakeSocket } from "./fakesocket.ts";

type Frame = Record<string, unknown>;

interface Posted {
  user: string;
  key: string;
  body: string;
}

interface Link {
  user: string;
  socket: FakeSocket;
  rooms: Map<string, number>; // the newest seq that was sent, or was to be
  frozen: boolean; // a proxy forgot us: nothing comes through, and nobody is told
  busyUntil: { up: number; down: number };
  heart?: ReturnType<typeof setInterval>;
}

const PING_MS = 1000;

/** Random numbers that a seed repeats (mulberry32). */
export function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A server that keeps the contract about its log, and little else: it cuts and freezes
 * connections before and after it did what it was asked for, answers late, refuses at
 * times, and skips and repeats events. Its log is what it is judged by.
 */
export class FaultyServer {
  readonly log = new Map<string, Posted[]>();
  /** Off: all goes well from now on. */
  faulty = true;
  /** How often each fault came. */
  readonly faults: Record<string, number> = {};
  #links = new Set<Link>();

  constructor(private readonly random: () => number) {}

  open(user: string, url: string, protocols: string[]): FakeSocket {
    const socket = new FakeSocket(url, protocols, (frame) => {
      this.#travel(link, "up", () => {
        this.#hear(link, frame);
      });
    });
    const link: Link = { user, socket, rooms: new Map(), frozen: false, busyUntil: { up: 0, down: 0 } };
    this.#links.add(link);
    if (this.#fault("refused", 0.2)) {
      setTimeout(() => {
        this.#cut(link, 1006);
      }, 5);
      return socket;
    }
    this.#say(link, {
      type: "welcome",
      user: { id: user, name: user },
      node: "n",
      ping_ms: PING_MS,
      max_body: 1000,
    });
    link.heart = setInterval(() => {
      this.#say(link, {
        type: "heartbeat",
        heads: Object.fromEntries([...link.rooms.keys()].map((r) => [r, this.#room(r).length])),
      });
    }, PING_MS);
    return socket;
  }

  #fault(name: string, chance: number): boolean {
    const comes = this.faulty && this.random() < chance;
    if (comes) this.faults[name] = (this.faults[name] ?? 0) + 1;
    return comes;
  }

  #room(room: string): Posted[] {
    const log = this.log.get(room) ?? [];
    this.log.set(room, log);
    return log;
  }

  // A frame on its way arrives after those before it, or never.
  #travel(link: Link, way: "up" | "down", arrive: () => void): void {
    const now = Date.now();
    const late = this.#fault(`late ${way}`, 0.02) ? 3000 : 30;
    link.busyUntil[way] = Math.max(link.busyUntil[way], now + this.random() * late);
    setTimeout(() => {
      if (this.#fault("frozen", 0.003)) link.frozen = true;
      if (this.#gone(link) || link.frozen) return;
      if (this.#fault(`cut ${way}`, 0.02)) this.#goodbye(link);
      else arrive();
    }, link.busyUntil[way] - now);
  }

  #say(link: Link, frame: Frame): void {
    if (this.#gone(link)) return;
    this.#travel(link, "down", () => {
      link.socket.says(frame);
    });
  }

  #gone(link: Link): boolean {
    if (link.socket.closed) this.#cut(link, 1006);
    return !this.#links.has(link);
  }

  #goodbye(link: Link): void {
    if (this.random() < 0.3)
      link.socket.says({
        type: "goodbye",
        code: "restart",
        retry_after_ms: 1 + Math.floor(this.random() * 800),
      });
    this.#cut(link, [1001, 1006, 1012, 4008][Math.floor(this.random() * 4)] ?? 1006);
  }

  #cut(link: Link, code: number): void {
    this.#links.delete(link);
    clearInterval(link.heart);
    link.socket.ends(code);
  }

  #hear(link: Link, frame: Frame): void {
    const { id, room } = frame as { id: string; room: string };
    if (this.#fault("unavailable", 0.03)) {
      this.#say(link, { type: "error", id, code: "unavailable", message: "not now" });
    } else if (frame.type === "send") {
      this.#send(link, id, room, { user: link.user, key: String(frame.key), body: String(frame.body) });
    } else if (frame.type === "subscribe") {
      this.#subscribe(link, id, room, Number(frame.after));
    } else if (frame.type === "unsubscribe") {
      link.rooms.delete(room);
    } else if (frame.type === "ping") {
      this.#say(link, { type: "pong", id });
    }
  }

  #send(link: Link, id: string, room: string, posted: Posted): void {
    if (this.#fault("rate limited", 0.03)) {
      this.#say(link, { type: "error", id, code: "rate_limited", message: "slow down", retry_after_ms: 300 });
      return;
    }
    const log = this.#room(room);
    const known = log.findIndex((p) => p.user === posted.user && p.key === posted.key);
    if (known < 0) {
      log.push(posted);
      for (const l of [...this.#links]) this.#publish(l, room);
    } else if (log[known]?.body !== posted.body) {
      this.#say(link, { type: "error", id, code: "conflict", message: "another body" });
      return;
    }
    if (this.#fault("cut before the ack", 0.05)) {
      this.#goodbye(link);
      return;
    }
    if (this.#fault("no answer", 0.01)) return;
    const seq = known < 0 ? log.length : known + 1;
    this.#say(link, { type: "ack", id, room, seq, at: "", ...(known >= 0 && { duplicate: true }) });
  }

  #subscribe(link: Link, id: string, room: string, after: number): void {
    const head = this.#room(room).length;
    link.rooms.set(room, after);
    this.#say(link, { type: "subscribed", id, room, epoch: "E", head });
    this.#publish(link, room);
    this.#say(link, { type: "caught_up", room, seq: head });
  }

  #publish(link: Link, room: string): void {
    const last = link.rooms.get(room);
    if (last === undefined) return;
    const log = this.#room(room);
    link.rooms.set(room, log.length);
    log.slice(last).forEach(({ user, key, body }, i) => {
      const seq = last + i + 1;
      const event = {
        kind: "message.posted",
        id: String(seq),
        at: "",
        actor: { id: user, name: user },
        key,
        body,
      };
      if (!this.#fault("event skipped", 0.01)) this.#say(link, { type: "event", room, seq, event });
      if (this.#fault("event repeated", 0.01)) this.#say(link, { type: "event", room, seq, event });
    });
  }
}
