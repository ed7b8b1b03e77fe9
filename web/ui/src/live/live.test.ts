import { describe, expect, test, vi } from "vitest";
import { event } from "./testing/server.ts";
import { browser, following, kept, leader, net, pass, seqs, staged } from "./testing/stage.ts";

staged();

describe("the line", () => {
  test("events come in batches, at most one a frame, also at thousands", async () => {
    const tab = await following(1);
    tab.calls.length = 0;
    for (let i = 0; i < 10; i++) {
      net.events(2 + i * 500, 1 + (i + 1) * 500);
      await pass(10);
    }
    await pass(40);
    expect(tab.seqs("R")).toStrictEqual(seqs(1, 5001));
    expect(tab.calls.filter((c) => c !== "changed").length).toBeLessThanOrEqual(7);
    expect(tab.calls.filter((c) => c === "changed").length).toBeLessThanOrEqual(7);
  });

  test("a leader that is not looked at does not wait for timers", async () => {
    const tab = await following(1);
    const other = browser.tab();
    await pass();
    tab.hidden = true;
    net.events(2, 2);
    await pass(0);
    net.events(3, 3);
    await pass(25);
    expect(other.seqs("R")).toStrictEqual([2, 3]);
  });

  test("nor does it flood the others while much comes", async () => {
    const tab = await following(1);
    const other = browser.tab();
    await pass();
    tab.hidden = true;
    const post = vi.spyOn(browser, "post");
    for (let seq = 2; seq <= 2001; seq++) {
      net.events(seq, seq);
      await pass(seq % 20 === 0 ? 1 : 0);
    }
    await pass(25);
    expect(other.seqs("R")).toStrictEqual(seqs(2, 2001));
    expect(post.mock.calls.length).toBeLessThanOrEqual(10);
  });

  test("what breaks rule 1 is in the state and reported, once a second", async () => {
    const tab = await following(3);
    net.socket.says(event(9));
    await pass(100);
    expect(tab.state.violations).toMatchObject([{ room: "R", want: 4, got: 9 }]);
    await pass(500); // it is healed by a resume
    net.subscribed(9);
    net.socket.says(event(8));
    await pass(100);
    expect(tab.state.violations).toHaveLength(2);
    expect(browser.reports).toStrictEqual([
      { path: "/api/v1/reports", kind: "violation", room: "R", want: 4, got: 9 },
    ]);
  });

  test("the round trip is measured at the start, when asked, and every minute", async () => {
    const tab = await leader();
    const pings = () => net.socket.sent.filter((f) => f.type === "ping").length;
    expect(pings()).toBe(1);
    tab.live.ping();
    await pass(0);
    net.socket.says({ type: "pong", id: net.socket.last("ping")?.id });
    await pass();
    expect(tab.state.roundTrip).toBe(0);
    const stays = setInterval(() => {
      net.socket.says({ type: "heartbeat", heads: {} });
    }, 1000);
    await pass(60_000);
    clearInterval(stays);
    expect(pings()).toBe(3);
  });

  test("nothing is complete while there is no line", async () => {
    const tab = await following(3);
    net.socket.ends(1006);
    await pass(100);
    expect(tab.state).toMatchObject({ status: "waiting", rooms: { R: { caughtUp: false } } });
    expect(tab.state.retryAt).toBeGreaterThan(0);
  });

  test("the session ended", async () => {
    const tab = await leader();
    const other = browser.tab();
    net.socket.ends(4001);
    await pass();
    for (const t of [tab, other]) expect(t.state).toMatchObject({ status: "ended", ended: "session ended" });
  });
});

describe("what the browser keeps", () => {
  test("nothing at all: everything goes on, and is said", async () => {
    browser.factory = undefined;
    const tab = await following(60);
    tab.live.send("R", "hi");
    await pass();
    expect(net.socket.last("send")).toMatchObject({ body: "hi" });
    expect(tab.state.unkept).toBe(true);
    expect(tab.seqs("R")).toHaveLength(50);
    expect(await kept(tab)).toStrictEqual([]);
  });

  test("of a newer version it is left alone", async () => {
    await new Promise((resolve) => {
      const request = browser.factory?.open("confab.u1", 7);
      if (request) request.onsuccess = resolve;
      void pass();
    });
    const tab = await following(60);
    expect(tab.state).toMatchObject({ unkept: true, rooms: { R: { cursor: 60 } } });
  });

  test("that is corrupt is not there", async () => {
    (await following(60)).kill();
    await corrupt({
      rooms: [{ room: "S", cursor: "many" }],
      events: [{ room: "R", seq: 50, event: { seq: 50 } }],
    });
    const tab = browser.tab();
    await pass();
    expect(Object.keys(tab.state.rooms)).toStrictEqual(["R"]);
    expect(await kept(tab)).toStrictEqual(seqs(51, 60));
    expect(tab.state.unkept).toBe(false);
  });

  test("is removed at the sign-out, except what was not sent; all tabs end", async () => {
    const tab = await following(60);
    const other = browser.tab();
    await pass();
    tab.live.send("R", "unsent");
    await pass();
    const erased = other.live.erase();
    net.events(61, 61);
    await pass(1000);
    await erased;
    expect(tab.state).toMatchObject({ status: "ended", ended: "session ended" });
    expect(net.socket.closed).toBe(true);
    const next = browser.tab();
    await pass();
    expect(next.state.rooms).toStrictEqual({});
    expect(next.state.outbox).toMatchObject([{ body: "unsent" }]);
  });
});

async function corrupt(content: Record<string, object[]>): Promise<void> {
  const request = browser.factory?.open("confab.u1");
  await pass();
  const tx = request?.result.transaction(["rooms", "events"], "readwrite");
  for (const [store, all] of Object.entries(content)) for (const o of all) tx?.objectStore(store).put(o);
  await pass();
  request?.result.close();
}
