import type { Locks } from "./world.ts";

/**
 * One tab's part in choosing the leader: who holds the lock leads. When the leader goes or
 * crashes, the browser passes the lock on to the next that waits.
 */
export class Election {
  #standing: AbortController | undefined;

  constructor(
    private readonly locks: Locks | undefined,
    private readonly name: string,
    /** Leads until the promise is fulfilled. */
    private readonly reign: () => Promise<void>,
    /** The lock was taken from us. */
    private readonly deposed: () => void,
  ) {}

  /** Waits for the lock, or takes it at once from a leader that does not answer. */
  stand(steal = false): void {
    this.#standing?.abort();
    const standing = new AbortController();
    this.#standing = standing;
    if (this.locks) void this.#wait(this.locks, standing, steal);
    else void this.reign();
  }

  /** Waits no more. */
  withdraw(): void {
    this.#standing?.abort();
    this.#standing = undefined;
  }

  async #wait(locks: Locks, standing: AbortController, steal: boolean): Promise<void> {
    const options = steal ? { steal } : { signal: standing.signal };
    try {
      await locks.request(this.name, options, async () => {
        if (this.#standing === standing) await this.reign();
      });
    } catch (err) {
      // Anything but withdrawn or stolen: a browser that has locks, and does not give any.
      const taken = err instanceof Error && err.name === "AbortError";
      if (!taken && this.#standing === standing) {
        await this.reign();
        return;
      }
    }
    if (this.#standing !== standing) return;
    this.deposed();
    this.stand();
  }
}
