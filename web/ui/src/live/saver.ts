import type { Cache } from "./cache.ts";
import type { Sequenced } from "./live.ts";
import type { KeptRoom, Room } from "./room.ts";
import { within, type World } from "./world.ts";

const SAVE_MS = 250;
const LONG_MS = 1_000; // a database that hangs must not hold the hand-over up

/** Writes what the tabs were told into the cache, several times a second at most. */
export class Saver {
  #rooms = new Map<string, KeptRoom>();
  #events = new Map<string, Sequenced[]>();
  #cleared = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abandoned = false;

  constructor(
    private readonly cache: Cache,
    private readonly world: World,
  ) {}

  /** The room as it is now, with all of its events since the last time. */
  add(room: Room, events: readonly Sequenced[]): void {
    room.trim();
    const { kept } = room;
    this.#rooms.set(kept.room, { ...kept, others: [...kept.others] });
    const unsaved = this.#events.get(kept.room) ?? [];
    unsaved.push(...events);
    this.#events.set(kept.room, unsaved);
    this.#later();
  }

  /** What is kept of the room, or was to be, is not true any more. */
  clear(room: string): void {
    this.#rooms.delete(room);
    this.#events.delete(room);
    this.#cleared.add(room);
    this.#later();
  }

  async save(): Promise<void> {
    this.world.net.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#abandoned || this.#rooms.size + this.#cleared.size === 0) return;
    const changes = { cleared: this.#cleared, rooms: [...this.#rooms.values()], events: this.#events };
    this.#cleared = new Set();
    this.#rooms = new Map();
    this.#events = new Map();
    const saved = await within(LONG_MS, this.world, this.cache.save(changes));
    // What came can come again; what must go has to.
    if (saved === false) for (const room of changes.cleared) this.#cleared.add(room);
  }

  /** Nothing is written any more. */
  abandon(): void {
    this.#abandoned = true;
  }

  #later(): void {
    this.#timer ??= this.world.net.setTimeout(() => {
      void this.save();
    }, SAVE_MS);
  }
}
