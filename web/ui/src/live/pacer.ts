import type { World } from "./world.ts";

const FRAME_MS = 20;
const FLOOD_MS = 2; // sooner after each other is too often, also in a page that is not looked at

/** Does something soon after it was asked to, once however often it was asked, at most once a frame. */
export class Pacer {
  #asked = false;
  #last = -Infinity;

  constructor(
    private readonly world: World,
    private readonly work: () => void,
  ) {}

  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    const since = this.#since;
    if (since >= FRAME_MS) this.world.soon(this.#work);
    else if (this.world.visible()) this.world.net.setTimeout(this.#work, FRAME_MS - since);
    else if (since >= FLOOD_MS) this.world.soon(this.#work);
    else this.#wait();
  }

  /** Milliseconds since the last time; the clock may have been set back. */
  get #since(): number {
    return Math.abs(this.world.net.now() - this.#last);
  }

  // A timer of a page that is not looked at would come too late.
  #wait = () => {
    if (this.#since >= FRAME_MS) this.#work();
    else this.world.soon(this.#wait);
  };

  #work = () => {
    this.#asked = false;
    this.#last = this.world.net.now();
    this.work();
  };
}
