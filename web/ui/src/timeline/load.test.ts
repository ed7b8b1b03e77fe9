import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Sequenced } from "../live/live.ts";
import { api } from "../store/api.ts";
import { eventsCame } from "../store/live.ts";
import { newStore, type Store } from "../store/store.ts";
import { loadNewer, loadOlder, openAt, openNewest } from "./load.ts";
import { message, messages } from "./samples.ts";
import { first, isLive, last } from "./window.ts";

let store: Store;
/** The newest seq of the room on the server, and what was asked of it. */
let head: number;
let down: boolean;
let asked: [after: number, limit: number][];
/** Holds answers back until it is called. */
let release: (() => void) | undefined;

const keeps = (events: readonly Sequenced[]) => ({ kept: () => Promise.resolve(events) });
const nothing = keeps([]);
const w = () => {
  const found = store.getState().timeline.rooms.r;
  if (!found) throw new Error("no window");
  return found;
};
const range = () => [first(w()), last(w())];

beforeEach(() => {
  [store, head, down, asked, release] = [newStore(), 1000, false, [], undefined];
  const answer = async (after: number, limit: number) => {
    asked.push([after, limit]);
    if (release) await new Promise<void>((done) => (release = done));
    if (down) throw new Error("no answer");
    const end = Math.min(head, after + limit);
    return { events: end > after ? messages(after + 1, end) : [], head, more: end < head };
  };
  type Initiate = typeof api.endpoints.events.initiate;
  const initiate =
    ({ after, limit }: { after: number; limit: number }) =>
    () => ({
      unwrap: () => answer(after, limit),
    });
  vi.spyOn(api.endpoints.events, "initiate").mockImplementation(initiate as unknown as Initiate);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("opening at the newest", () => {
  it("asks for what is before the head", async () => {
    await store.dispatch(openNewest("r", 1000, nothing));
    expect([range(), isLive(w()), asked]).toEqual([[901, 1000], true, [[900, 100]]]);
  });

  it("asks again where the head was not known, or was of another history", async () => {
    await store.dispatch(openNewest("r", 0, nothing));
    expect(range()).toEqual([901, 1000]);
    head = 30;
    await store.dispatch(openNewest("r", 1000, nothing));
    expect([range(), isLive(w())]).toEqual([[1, 30], true]);
  });

  it("shows what is kept without asking", async () => {
    down = true;
    await store.dispatch(openNewest("r", 1000, keeps(messages(801, 1000))));
    expect([range(), asked]).toEqual([[801, 1000], []]);
  });

  it("shows what is kept first, then the newest when that is far", async () => {
    release = () => undefined;
    const done = store.dispatch(openNewest("r", 1000, keeps(messages(1, 50))));
    await vi.waitFor(() => {
      expect(asked).toHaveLength(1);
    });
    expect(range()).toEqual([1, 50]);
    release();
    await done;
    expect(range()).toEqual([901, 1000]);
  });

  it("says that it failed, and keeps what it shows", async () => {
    down = true;
    await store.dispatch(openNewest("r", 1000, nothing));
    expect(w()).toMatchObject({ events: [], opening: { failed: true } });
    await store.dispatch(openNewest("r", 1000, keeps(messages(1, 50))));
    expect([range(), w().opening?.failed]).toEqual([[1, 50], true]);
  });
});

describe("opening at an event", () => {
  const target = (seq: number) => ({ seq, align: "center" as const });
  it("asks for what is around it", async () => {
    await store.dispatch(openAt("r", target(500), nothing));
    expect([range(), w().target?.seq, w().head]).toEqual([[450, 549], 500, 1000]);
  });
  it("takes it from what is kept", async () => {
    await store.dispatch(openAt("r", target(500), keeps(messages(490, 600))));
    expect([range(), asked]).toEqual([[490, 600], []]);
  });
  it("that is there already asks nothing", async () => {
    await store.dispatch(openAt("r", target(500), nothing));
    await store.dispatch(openAt("r", target(540), nothing));
    expect(asked).toHaveLength(1);
  });
  it("that is not there yet opens at the newest", async () => {
    await store.dispatch(openAt("r", target(5000), nothing));
    expect([range(), isLive(w())]).toEqual([[901, 1000], true]);
  });
  it("at the beginning is no page before it", async () => {
    await store.dispatch(openAt("r", target(1), nothing));
    await store.dispatch(loadOlder("r"));
    expect([range(), asked]).toEqual([[1, 100], [[0, 100]]]);
  });
});

describe("pages", () => {
  beforeEach(() => store.dispatch(openAt("r", { seq: 100, align: "center" }, nothing)));

  it("are asked for up to the window's ends", async () => {
    await store.dispatch(loadOlder("r"));
    await store.dispatch(loadNewer("r"));
    expect([range(), asked.slice(1)]).toEqual([
      [1, 249],
      [
        [0, 49],
        [149, 100],
      ],
    ]);
  });

  it("are asked for once at a time", async () => {
    await Promise.all([1, 2, 3].map(() => store.dispatch(loadNewer("r"))));
    expect(asked).toHaveLength(2);
  });

  it("that fail can be asked for again", async () => {
    down = true;
    await store.dispatch(loadOlder("r"));
    expect(w().before).toBe("failed");
    down = false;
    await store.dispatch(loadOlder("r"));
    expect([range(), w().before]).toEqual([[1, 149], "idle"]);
  });

  it("that come for a window that is elsewhere by now are dropped", async () => {
    release = () => undefined;
    const late = store.dispatch(loadNewer("r"));
    await vi.waitFor(() => {
      expect(asked).toHaveLength(2);
    });
    const letGo = release;
    release = undefined;
    await store.dispatch(openNewest("r", 1000, nothing));
    letGo();
    await late;
    expect([range(), w().after]).toEqual([[901, 1000], "idle"]);
  });

  it("close the gap to what came live", async () => {
    await store.dispatch(openNewest("r", 1000, nothing));
    head = 1010;
    store.dispatch(eventsCame({ room: "r", events: [message(1011), message(1012)] }));
    await store.dispatch(loadNewer("r"));
    expect([range(), isLive(w())]).toEqual([[901, 1012], true]);
  });
});
