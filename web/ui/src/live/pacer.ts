import type { World } from "./world.ts";

const FRAME_MS = 20;

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
    const { now, setTimeout } = this.world.net;
    const wait = Math.min(this.#last + FRAME_MS - now(), FRAME_MS);
    if (wait <= 0 || !this.world.visible()) this.world.soon(this.#work);
    else setTimeout(this.#work, wait);
  }

  #work = () => {
    this.#asked = false;
    this.#last = this.world.net.now();
    this.work();
  };
}
