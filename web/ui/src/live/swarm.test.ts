import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FaultyServer, seeded } from "../net/testing/faultyserver.ts";
import { FakeBrowser, type FakeTab } from "./testing/browser.ts";

const ROOMS = ["R", "S"];
const STEPS = 120;

// SEED=n npm test begins with run n again; without it a number is drawn. The tests have it in their names.
const begin = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
const seeds = Array.from({ length: 10 }, (_, i) => begin + i);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

// A person with a browser whose tabs come and go.
class Person {
  readonly browser: FakeBrowser;
  /** By tab and room: what was said there, in order. */
  readonly said: string[][] = [];
  readonly opened: { tab: FakeTab; hung: boolean; lines: Map<string, string[]> }[] = [];

  constructor(
    readonly name: string,
    server: FaultyServer,
    private readonly random: () => number,
  ) {
    this.browser = new FakeBrowser((...to) => server.open(name, ...to), random);
  }

  get tabs() {
    return this.opened.filter(({ tab }) => !tab.dead);
  }

  open(): void {
    const tab = this.browser.tab(this.name);
    for (const room of ROOMS) tab.live.follow(room, 0);
    const lines = new Map(ROOMS.map((room) => [room, [] as string[]]));
    this.said.push(...lines.values());
    this.opened.push({ tab, hung: false, lines });
  }

  async acts(): Promise<void> {
    const chosen = this.tabs[Math.floor(this.random() * this.tabs.length)];
    const dice = this.random();
    if (!chosen || (dice < 0.04 && this.tabs.length < 4)) {
      this.open();
      return;
    }
    const { tab } = chosen;
    if (dice < 0.08) tab.kill();
    else if (dice < 0.12) tab.sign("leave");
    else if (dice < 0.14) tab.live.close();
    else if (dice < 0.17) {
      chosen.hung = true;
      tab.hang();
    } else if (dice < 0.2) tab.sign("wake");
    else if (dice < 0.23) tab.hidden = !tab.hidden;
    else if (!tab.hangs) {
      const room = ROOMS[Math.floor(this.random() * ROOMS.length)] ?? "R";
      const body = `${this.name} tab ${this.opened.indexOf(chosen)} ${room} ${chosen.lines.get(room)?.length ?? 0}`;
      chosen.lines.get(room)?.push(body);
      tab.live.send(room, body);
      await vi.advanceTimersByTimeAsync(40); // what is not kept yet may be lost with its tab
      return;
    }
    // It does not come back in most cases; a closed or left tab is as good as killed.
    if (dice >= 0.08 && dice < 0.14) {
      await vi.advanceTimersByTimeAsync(this.random() * 50);
      if (dice >= 0.1 && dice < 0.12) tab.sign("return");
      else tab.kill();
    }
    if (tab.hangs) {
      await vi.advanceTimersByTimeAsync(this.random() * 20_000);
      tab.thaw();
    }
  }
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 3600 && !holds(); i++) await vi.advanceTimersByTimeAsync(1000);
}

test.each(seeds)(
  "tabs come and go, and nothing is lost, doubled or out of order: SEED=%i",
  { timeout: 30_000 },
  async (seed) => {
    const random = seeded(seed);
    const server = new FaultyServer(random);
    const people = ["ada", "bob"].map((name) => new Person(name, server, random));
    for (const p of people) p.open();
    for (let i = 0; i < STEPS; i++) {
      for (const p of people) await p.acts();
      await vi.advanceTimersByTimeAsync(random() * 400);
    }
    for (const p of people) {
      if (p.tabs.length === 0) p.open();
      for (const { tab } of p.tabs) {
        tab.hidden = false;
        tab.sign("wake");
      }
    }
    server.faulty = false;
    const head = (room: string) => server.log.get(room)?.length ?? 0;
    const tabs = () => people.flatMap((p) => p.tabs);
    await eventually(() =>
      tabs().every(
        ({ tab: { state } }) =>
          state.outbox.length === 0 && ROOMS.every((room) => state.rooms[room]?.cursor === head(room)),
      ),
    );
    await vi.advanceTimersByTimeAsync(1000);

    const logged = ROOMS.flatMap((room) => (server.log.get(room) ?? []).map((m) => m.body));
    for (const p of people) {
      for (const lines of p.said) {
        const own = new Set(lines);
        expect(logged.filter((body) => own.has(body))).toStrictEqual(lines);
      }
      for (const { tab, hung } of p.opened) {
        expect(tab.errors).toStrictEqual([]);
        for (const room of ROOMS) {
          const seqs = tab.seqs(room);
          const first = seqs[0] ?? 1;
          const missed = seqs.filter((seq, i) => i > 0 && seq !== (seqs[i - 1] ?? 0) + 1);
          // One that hung or was away as others went on has a gap, and nothing twice.
          if (!hung && !tab.left) expect(missed).toStrictEqual([]);
          expect(seqs).toStrictEqual([...new Set(seqs)].sort((a, b) => a - b));
          const log = server.log.get(room)?.map((m) => m.body) ?? [];
          expect(tab.bodies(room)).toStrictEqual(seqs.map((seq) => log[seq - 1]));
          if (!tab.dead && head(room) > 0 && seqs.length > 0) expect(seqs.at(-1)).toBe(head(room));
          expect(first).toBeGreaterThan(0);
        }
      }
      expect(p.tabs.filter(({ tab }) => tab.state.leader)).toHaveLength(1);
    }
    // A run in which nothing broke would prove nothing.
    expect(Object.values(server.faults).reduce((a, b) => a + b, 0)).toBeGreaterThan(20);
    expect(people.some((p) => p.opened.length > 3)).toBe(true);
  },
);
