import type { Command } from "./talk.ts";
import type { World } from "./world.ts";

const SILENT_MS = 5_000; // a leader that does not answer a tab that is looked at for so long is replaced

interface Asked {
  n: number;
  at: number;
  command: Command;
}

/** What a tab asked of the leader, until that says it was done. */
export class Asks {
  #asked: readonly Asked[] = [];
  #n = 0;
  #heard = 0;
  #watching = false;
  #over = false;

  constructor(
    private readonly world: World,
    private readonly put: (n: number, command: Command) => void,
    /** The leader hangs: a phone stops tabs that are not looked at, and they hold the lock all the same. */
    private readonly silent: () => void,
  ) {}

  number(): number {
    return ++this.#n;
  }

  ask(command: Command): number {
    const n = this.number();
    this.#asked = [...this.#asked, { n, at: this.world.net.now(), command }];
    this.put(n, command);
    this.#watch();
    return n;
  }

  /** All up to this number were done. */
  done(n: number): void {
    this.#asked = this.#asked.filter((asked) => asked.n > n);
  }

  /** What is not done, which is forgotten. */
  take(): Command[] {
    const commands = this.#asked.map(({ command }) => command);
    this.#asked = [];
    return commands;
  }

  /** The leader was heard, or we woke up and could not have heard it. */
  heard(): void {
    this.#heard = this.world.net.now();
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#over = true;
  }

  #watch(): void {
    if (this.#watching || this.#over) return;
    this.#watching = true;
    this.world.net.setTimeout(() => {
      this.#watching = false;
      const [oldest] = this.#asked;
      if (!oldest || this.#over) return;
      const silence = this.world.net.now() - Math.max(oldest.at, this.#heard);
      if (silence >= SILENT_MS && this.world.visible()) {
        this.heard();
        this.silent();
      }
      this.#watch();
    }, SILENT_MS);
  }
}
