import { isMessage, type Message, type Store } from "./store.ts";

const MESSAGES = "messages";

/**
 * A store in IndexedDB. Give each user a name of their own. Its promises are rejected
 * where the browser keeps nothing (private windows, a full disk).
 */
export class IndexedDBStore implements Store {
  #opening: Promise<IDBDatabase> | undefined;

  constructor(
    private readonly name: string,
    private readonly factory: IDBFactory = indexedDB,
  ) {}

  async load(): Promise<Message[]> {
    const db = await this.#open();
    const all: unknown[] = await done(db.transaction(MESSAGES).objectStore(MESSAGES).getAll());
    return all.filter(isMessage);
  }

  put(message: Message): Promise<void> {
    return this.#write((messages) => messages.put(message));
  }

  remove(key: string): Promise<void> {
    return this.#write((messages) => messages.delete(key));
  }

  async #write(change: (messages: IDBObjectStore) => IDBRequest): Promise<void> {
    const db = await this.#open();
    // Strict: what was promised to be kept is on the disk, not on its way to it.
    const transaction = db.transaction(MESSAGES, "readwrite", { durability: "strict" });
    change(transaction.objectStore(MESSAGES));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => {
        resolve();
      };
      transaction.onabort = () => {
        reject(transaction.error ?? new Error("the transaction was aborted"));
      };
    });
  }

  // Opened when it is needed, and again when the browser has closed it.
  #open(): Promise<IDBDatabase> {
    return (this.#opening ??= this.#openNow().catch((err: unknown) => {
      this.#opening = undefined;
      throw err;
    }));
  }

  async #openNow(): Promise<IDBDatabase> {
    const request = this.factory.open(this.name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(MESSAGES, { keyPath: "key" });
    };
    const db = await done(request);
    const forget = () => {
      this.#opening = undefined;
    };
    db.onclose = forget;
    db.onversionchange = () => {
      db.close(); // another tab wants to delete or change it
      forget();
    };
    return db;
  }
}

/** What a request of IndexedDB comes to. */
export function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error("the request failed"));
    };
  });
}
