/**
 * Waiting times between tries: full jitter under a bound that doubles, so that many
 * clients that were cut off together do not come back together.
 */
export class Backoff {
  #failures = 0;

  constructor(
    private readonly random: () => number,
    private readonly base = 500,
    private readonly most = 30_000,
  ) {}

  /** Milliseconds to wait before the next try. */
  next(): number {
    const bound = Math.min(this.most, this.base * 2 ** Math.min(this.#failures++, 16));
    return this.random() * bound;
  }

  /** It went well: the next failure is the first again. */
  reset(): void {
    this.#failures = 0;
  }
}
