import { done } from "../net/idb.ts";
import { decodeEvent } from "../net/index.ts";
import type { Sequenced } from "./live.ts";
import { isKeptRoom, KEPT, type KeptRoom } from "./room.ts";
import type { Databases } from "./world.ts";

const VERSION = 2;

/** What is to be written at once. */
export interface Changes {
  /** Rooms of which nothing is true any more; done first. */
  cleared: Iterable<string>;
  rooms: readonly KeptRoom[];
  events: ReadonlyMap<string, readonly Sequenced[]>;
}

const STORES = ["rooms", "events", "term"];

/**
 * Cursors and newest events of one user's rooms in IndexedDB. Only the leader writes: its
 * term is over with the next one's, and with a sign-out, even if it does not know yet. What another version or a broken disk left there is not an error: it is not there.
 */
export class Cache {
  #opening: Promise<IDBDatabase> | undefined;
  #term: unknown;

  constructor(
    private readonly name: string,
    private readonly databases: Databases | undefined,
    private readonly failed: (err: unknown) => void,
  ) {}

  /** What is kept, for one that is to write; `alone`: those that did cannot any more. */
  async load(alone: boolean): Promise<KeptRoom[]> {
    return this.#or([], async () => {
      const db = await this.#open();
      const tx = db.transaction(STORES, "readwrite");
      this.#term = await (alone ? nextTerm(tx) : termOf(tx));
      const all: unknown[] = await done(tx.objectStore("rooms").getAll());
      return all.filter(isKeptRoom);
    });
  }

  /** The newest events of a room, without a gap. */
  async events(room: string): Promise<Sequenced[]> {
    return this.#or([], async () => {
      const db = await this.#open();
      const tx = db.transaction(["rooms", "events"]);
      const kept: unknown = await done(tx.objectStore("rooms").get(room));
      if (!isKeptRoom(kept) || kept.cursor < kept.first) return []; // there is no empty range
      const from = Math.max(kept.first, kept.cursor - KEPT + 1);
      const range = this.#range(room, from, kept.cursor + 1);
      const all: unknown[] = await done(tx.objectStore("events").getAll(range));
      return gapless(all, kept.cursor);
    });
  }

  /** Writes all of it, or nothing; false when it failed. */
  async save({ cleared, rooms, events }: Changes): Promise<boolean> {
    return this.#or(false, async () => {
      const db = await this.#open();
      const tx = db.transaction(STORES, "readwrite");
      const term = await termOf(tx);
      if (term !== undefined && term !== this.#term) return true; // undefined: the browser removed it all
      const roomStore = tx.objectStore("rooms");
      const eventStore = tx.objectStore("events");
      for (const room of cleared) {
        roomStore.delete(room);
        eventStore.delete(this.#range(room, 0, Number.MAX_SAFE_INTEGER));
      }
      for (const room of rooms) {
        roomStore.put(room);
        eventStore.delete(this.#range(room.room, 0, room.first));
        for (const event of events.get(room.room) ?? []) {
          if (event.seq >= room.first) eventStore.put({ room: room.room, seq: event.seq, event });
        }
      }
      await completed(tx);
      return true;
    });
  }

  async clear(): Promise<void> {
    return this.#or(undefined, async () => {
      const db = await this.#open();
      const tx = db.transaction(STORES, "readwrite");
      await nextTerm(tx);
      tx.objectStore("rooms").clear();
      tx.objectStore("events").clear();
      await completed(tx);
    });
  }

  /** Lets others delete the database, and the page into the back/forward cache. */
  close(): void {
    void this.#opening?.then((db) => {
      db.close();
    });
    this.#opening = undefined;
  }

  #range(room: string, from: number, before: number): IDBKeyRange {
    if (!this.databases) throw new Error("no databases");
    return this.databases.range.bound([room, from], [room, before], false, true);
  }

  async #or<T>(otherwise: T, f: () => Promise<T>): Promise<T> {
    try {
      return await f();
    } catch (err) {
      this.failed(err);
      return otherwise;
    }
  }

  // Opened when it is needed, and again when the browser has closed it.
  #open(): Promise<IDBDatabase> {
    return (this.#opening ??= this.#openNow().catch((err: unknown) => {
      this.#opening = undefined;
      throw err;
    }));
  }

  async #openNow(): Promise<IDBDatabase> {
    if (!this.databases) throw new Error("this browser has no IndexedDB");
    const request = this.databases.factory.open(this.name, VERSION);
    request.onupgradeneeded = () => {
      const db = request.result;
      for (const store of [...db.objectStoreNames]) db.deleteObjectStore(store);
      db.createObjectStore("term");
      db.createObjectStore("rooms", { keyPath: "room" });
      db.createObjectStore("events", { keyPath: ["room", "seq"] });
    };
    const db = await done(request);
    const forget = () => {
      this.#opening = undefined;
    };
    db.onclose = forget;
    db.onversionchange = () => {
      db.close();
      forget();
    };
    return db;
  }
}

function termOf(tx: IDBTransaction): Promise<unknown> {
  return done(tx.objectStore("term").get("term"));
}

async function nextTerm(tx: IDBTransaction): Promise<number> {
  const last = await termOf(tx);
  const term = (typeof last === "number" ? last : 0) + 1;
  tx.objectStore("term").put(term, "term");
  return term;
}

// The newest of them, back to the first hole.
function gapless(all: unknown[], cursor: number): Sequenced[] {
  const events: Sequenced[] = [];
  for (let seq = cursor, kept = all.pop(); kept !== undefined; seq--, kept = all.pop()) {
    const event = readable((kept as { event?: unknown }).event, seq);
    if (!event) break;
    events.push(event);
  }
  return events.reverse();
}

function readable(kept: unknown, seq: number): Sequenced | undefined {
  try {
    if ((kept as Sequenced | undefined)?.seq !== seq) return undefined;
    return { ...decodeEvent(kept), seq };
  } catch {
    return undefined;
  }
}

function completed(tx: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => {
      resolve();
    };
    tx.onabort = () => {
      reject(tx.error ?? new Error("the transaction was aborted"));
    };
  });
}
