/** As much of Storage as drafts need. */
export type Keeper = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const DELAY = 300;

/**
 * What one was writing in each room, kept over reloads, per user. The last tab that wrote wins.
 * A browser that keeps nothing is no reason not to write: the drafts live as long as the page.
 */
export class Drafts {
  private readonly fresh = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly user: string,
    private readonly keeper: () => Keeper, // reading localStorage may throw
  ) {}

  get(room: string): string {
    return this.fresh.get(room) ?? this.read(room);
  }

  /** Kept a little later; an empty one is removed at once, or it would take what was written in another tab meanwhile. */
  set(room: string, text: string): void {
    this.fresh.set(room, text);
    if (!text) this.flush();
    else
      this.timer ??= setTimeout(() => {
        this.flush();
      }, DELAY);
  }

  /** Keeps now what is not kept yet. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const [room, text] of this.fresh) {
      try {
        if (text) this.keeper().setItem(this.key(room), text);
        else this.keeper().removeItem(this.key(room));
        this.fresh.delete(room);
      } catch {
        // stays in `fresh`, and so in this page
      }
    }
  }

  key(room: string): string {
    return `confab.draft.${this.user}.${room}`;
  }

  private read(room: string): string {
    try {
      return this.keeper().getItem(this.key(room)) ?? "";
    } catch {
      return "";
    }
  }
}
