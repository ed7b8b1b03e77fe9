import type { User } from "../net/index.ts";
import type { Live, LiveListener } from "./live.ts";
import { Tab } from "./tab.ts";
import { page, type World } from "./world.ts";

export * from "./live.ts";
export { idle } from "./idle.ts";
export type { Channel, Databases, Locks, Sign, World } from "./world.ts";

export interface LiveOptions {
  user: User;
  listener: LiveListener;
  /** In place of the browser's, for tests. */
  world?: World;
}

/** Opens the live side of this tab. It can be used at once; the line and what is kept come later. */
export function openLive({ user, listener, world }: LiveOptions): Live {
  return new Tab(user, listener, world ?? page());
}
