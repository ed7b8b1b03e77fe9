import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Outbox } from "./outbox.ts";
import { Socket } from "./socket.ts";
import { MemoryStore } from "./store.ts";
import type { Subscription, Violation } from "./subscription.ts";
import { FaultyServer, seeded } from "./testing/faultyserver.ts";

const ROOMS = ["R", "S"];
const MESSAGES = 60; // of each person

// SEED=n npm test begins with run n again; without it a number is drawn. The tests have it in their names.
const begin = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
const seeds = Array.from({ length: 20 }, (_, i) => begin + i);

// What broke in all runs together.
const broke = new Map<string, number>();
let violations = 0;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

// Somebody with a page open that is reloaded at times; what a browser keeps stays.
class Person {
  readonly said = new Map<string, string[]>(ROOMS.map((room) => [room, []]));
  readonly seen = new Map<string, number[]>(ROOMS.map((room) => [room, []]));
  readonly read = new Map<string, string[]>(ROOMS.map((room) => [room, []]));
  readonly violations: Violation[] = [];
  readonly store = new MemoryStore();
  outbox: Outbox | undefined;
  #socket: Socket | undefined;
  #following: Subscription[] = [];

  constructor(
    readonly name: string,
    private readonly server: FaultyServer,
    private readonly random: () => number,
  ) {}

  async load(): Promise<void> {
    const cursors = this.#following.map((s) => s.cursor);
    this.outbox?.close();
    this.#socket?.close();
    const socket = new Socket({
      url: "ws://host/ws",
      user: this.name,
      violated: (v) => this.violations.push(v),
      environment: { openWebSocket: (...to) => this.server.open(this.name, ...to), random: this.random },
    });
    this.#socket = socket;
    this.#following = ROOMS.map((room, i) =>
      socket.subscribe(room, cursors[i] ?? { after: 0 }, {
        event: (event, seq) => {
          this.seen.get(room)?.push(seq);
          if (event.kind === "message.posted") this.read.get(room)?.push(event.body);
        },
      }),
    );
    socket.start();
    this.outbox = await Outbox.open({ line: socket, store: this.store });
  }

  says(room: string): void {
    const said = this.said.get(room);
    const body = `${this.name} ${room} ${said?.length ?? 0}`;
    said?.push(body);
    this.outbox?.add(room, body);
  }

  get waits(): number {
    return this.outbox?.messages.length ?? 0;
  }
}

// Until it holds, or far too long.
async function eventually(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 3600 && !holds(); i++) await vi.advanceTimersByTimeAsync(1000);
}

test.each(seeds)("nothing is lost, doubled or out of order, whatever breaks: SEED=%i", async (seed) => {
  const random = seeded(seed);
  const server = new FaultyServer(random);
  const people = ["ada", "bob", "eve"].map((name) => new Person(name, server, random));
  for (const p of people) await p.load();

  for (let i = 0; i < MESSAGES; i++) {
    for (const p of people) {
      p.says(ROOMS[Math.floor(random() * ROOMS.length)] ?? "R");
      if (random() < 0.03) await p.load();
    }
    await vi.advanceTimersByTimeAsync(random() * 400);
  }
  await eventually(() => people.every((p) => p.waits === 0)); // mostly: with bad luck it takes longer
  server.faulty = false;
  const heads = () => ROOMS.map((room) => server.log.get(room)?.length ?? 0);
  await eventually(() =>
    people.every((p) => p.waits === 0 && ROOMS.every((room, i) => p.seen.get(room)?.length === heads()[i])),
  );

  for (const p of people) {
    expect(await p.store.load(), `${p.name}'s outbox`).toStrictEqual([]);
    for (const room of ROOMS) {
      const log = server.log.get(room) ?? [];
      const logged = log.filter((m) => m.user === p.name).map((m) => m.body);
      expect(logged, `${p.name} in the log of ${room}`).toStrictEqual(p.said.get(room));
      expect(p.seen.get(room), `what ${p.name} saw of ${room}`).toStrictEqual(log.map((_, i) => i + 1));
      expect(p.read.get(room), `what ${p.name} read in ${room}`).toStrictEqual(log.map((m) => m.body));
    }
  }
  for (const [fault, n] of Object.entries(server.faults)) broke.set(fault, (broke.get(fault) ?? 0) + n);
  violations += people.flatMap((p) => p.violations).length;
});

// Runs in which nothing broke would prove nothing. One alone may lack a fault by chance.
test("everything broke that can", () => {
  for (const fault of ["cut up", "cut down", "cut before the ack", "late down", "event skipped"]) {
    expect(broke.get(fault) ?? 0, fault).toBeGreaterThan(0);
  }
  expect(violations).toBeGreaterThan(0);
});
