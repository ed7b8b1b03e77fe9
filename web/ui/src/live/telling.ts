import { guarded } from "../net/index.ts";
import type { LiveListener, LiveState, Sequenced } from "./live.ts";
import { Pacer } from "./pacer.ts";
import type { Batch } from "./talk.ts";
import type { World } from "./world.ts";

/** Tells the listener, at most once a frame, each event once: a new leader may repeat some. */
export class Telling {
  #told = new Map<string, { seq: number; epoch: string | undefined }>();
  #resets = new Set<string>();
  #events = new Map<string, Sequenced[]>();
  #pacer: Pacer;
  #over = false;

  constructor(
    private readonly world: World,
    private readonly listener: LiveListener,
    private readonly state: () => LiveState,
  ) {
    this.#pacer = new Pacer(world, () => {
      this.#tell();
    });
  }

  changed(): void {
    this.#pacer.ask();
  }

  batch({ resets, rooms, events }: Batch): void {
    for (const room of resets) this.#reset(room);
    for (const { room, epoch } of Object.values(rooms)) {
      const told = this.#told.get(room);
      // A page that slept through the reset notices it now.
      if (told?.epoch !== undefined && epoch !== undefined && told.epoch !== epoch) this.#reset(room);
      this.#told.set(room, { seq: this.#told.get(room)?.seq ?? 0, epoch: epoch ?? told?.epoch });
    }
    for (const [room, all] of Object.entries(events)) this.#add(room, all);
    this.#pacer.ask();
  }

  /** Nothing is told any more. */
  end(): void {
    this.#over = true;
  }

  #reset(room: string): void {
    this.#told.delete(room);
    this.#events.delete(room);
    this.#resets.add(room);
  }

  #add(room: string, all: readonly Sequenced[]): void {
    const told = this.#told.get(room) ?? { seq: 0, epoch: undefined };
    const events = all.filter(({ seq }) => seq > told.seq);
    const last = events.at(-1);
    if (!last) return;
    this.#told.set(room, { ...told, seq: last.seq });
    const waiting = this.#events.get(room);
    if (waiting) waiting.push(...events);
    else this.#events.set(room, events);
  }

  #tell(): void {
    const { net } = this.world;
    const { listener } = this;
    const resets = this.#resets;
    const events = this.#events;
    this.#resets = new Set();
    this.#events = new Map();
    const call = (f: () => void) => {
      if (!this.#over) guarded(net, f)();
    };
    for (const room of resets) {
      call(() => {
        listener.reset(room);
      });
    }
    for (const [room, all] of events) {
      call(() => {
        listener.events(room, all);
      });
    }
    call(() => {
      listener.changed(this.state());
    });
  }
}
