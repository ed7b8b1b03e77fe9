import { describe, expect, test, vi } from "vitest";
import { browser, following, leader, net, pass, seqs, staged } from "./testing/stage.ts";

staged();

describe("several tabs", () => {
  test("have one connection, and see the same", async () => {
    const first = await following(3);
    const second = browser.tab();
    second.live.follow("R", 3);
    await pass();
    expect(net.sockets).toHaveLength(1);
    expect(second.state).toStrictEqual({ ...first.state, leader: false });
    net.events(4, 6);
    await pass();
    expect(first.seqs("R")).toStrictEqual(seqs(1, 6));
    expect(second.seqs("R")).toStrictEqual(seqs(4, 6));
    expect(second.state).toStrictEqual({ ...first.state, leader: false });
  });

  test("a follower follows and forgets rooms for all", async () => {
    const first = await following(3);
    const second = browser.tab();
    second.live.follow("S", 2);
    await pass();
    net.serves(2, "S");
    await pass();
    expect(first.seqs("S")).toStrictEqual([1, 2]);
    second.live.forget("S");
    await pass();
    expect(Object.keys(first.state.rooms)).toStrictEqual(["R"]);
  });

  test("what a follower has kept joins on to what it is told", async () => {
    await following(3);
    const second = browser.tab();
    await pass();
    net.events(4, 4);
    const kept = second.live.kept("R");
    net.events(5, 5);
    await pass();
    expect((await kept).map((e) => e.seq)).toEqual(expect.arrayContaining([1, 2, 3, 4]));
    expect(second.seqs("R")).toStrictEqual([4, 5]);
  });

  test.each(["closes", "dies"])(
    "when the leader %s the next goes on, and each event is told once",
    async (how) => {
      const first = await following(3);
      const second = browser.tab();
      second.live.follow("R", 3);
      await pass();
      net.events(4, 6);
      await pass(25); // told, not written yet
      if (how === "dies") first.kill();
      else first.live.close();
      await pass();
      expect(net.sockets[0]?.closed).toBe(true);
      expect(second.state.leader).toBe(true);
      net.welcomed();
      net.serves(8);
      await pass();
      expect(second.seqs("R")).toStrictEqual(seqs(4, 8));
      expect(Number(net.asked()?.after)).toBe(how === "dies" ? 3 : 6);
    },
  );

  test("rooms that the dead leader followed for a follower are followed on", async () => {
    const first = await following(3);
    const second = browser.tab();
    second.live.follow("S", 9);
    first.kill(); // before it has heard of it
    await pass();
    net.welcomed();
    await pass();
    expect(net.asked("S")).toMatchObject({ after: 0 });
  });

  test("a tab asks the next leader for all of its rooms at once", async () => {
    const first = await leader();
    browser.tab(); // leads next
    const third = browser.tab();
    for (let i = 0; i < 50; i++) third.live.follow(`R${i}`, 0);
    await pass();
    const post = vi.spyOn(browser, "post");
    first.kill();
    await pass();
    expect(post.mock.calls.filter(([from]) => from === third)).toHaveLength(1);
    net.welcomed();
    await pass();
    expect(net.socket.sent.filter((f) => f.type === "subscribe")).toHaveLength(50);
  });

  test("a room that one tab forgets is followed on while another wants it", async () => {
    const first = await following(3);
    const second = browser.tab();
    second.live.follow("R", 3);
    await pass();
    first.live.forget("R");
    await pass();
    net.serves(4);
    await pass();
    for (const tab of [first, second]) expect(tab.seqs("R")).toStrictEqual([1, 2, 3, 4]);
    expect(first.state.rooms.R).toMatchObject({ cursor: 4, caughtUp: true });
    second.live.forget("R");
    await pass();
    expect(second.state.rooms).toStrictEqual({});
  });

  test("a leader that hangs is replaced when another tab is looked at, and follows when it wakes", async () => {
    const first = await following(3);
    const second = browser.tab();
    second.hidden = true;
    await pass();
    first.hang();
    net.events(4, 4);
    await pass(60_000);
    expect(second.state.leader).toBe(false); // nobody looks
    second.hidden = false;
    second.sign("wake");
    await pass(4_900);
    expect(second.state.leader).toBe(false);
    await pass(1_000);
    expect(second.state.leader).toBe(true);
    second.live.follow("R", 3);
    net.welcomed();
    await pass();
    net.serves(5);
    await pass();
    expect(second.seqs("R")).toStrictEqual([4, 5]);
    first.thaw();
    await pass();
    expect(first.state.leader).toBe(false);
    expect(first.state.rooms).toStrictEqual(second.state.rooms);
    net.events(6, 6);
    await pass();
    expect(first.seqs("R").filter((seq) => seq === 6)).toStrictEqual([6]);
  });

  test("where locks are forbidden each leads itself", async () => {
    browser.forbidden = true;
    const tab = browser.tab();
    await pass();
    expect(tab.state.leader).toBe(true);
    expect(net.sockets).toHaveLength(1);
  });

  test("without locks each leads itself", async () => {
    browser.secure = false;
    const tabs = [browser.tab(), browser.tab()];
    await pass();
    expect(net.sockets).toHaveLength(2);
    expect(tabs.map((t) => t.state.leader)).toStrictEqual([true, true]);
  });

  test("a page that goes into the back/forward cache lets go of all, and is back when it comes out", async () => {
    const first = await following(3);
    const second = browser.tab();
    await pass();
    first.sign("leave");
    await pass();
    expect(net.sockets[0]?.closed).toBe(true);
    expect(second.state.leader).toBe(true);
    net.welcomed();
    second.live.follow("R", 3);
    await pass();
    net.serves(5);
    await pass();
    first.sign("return");
    await pass();
    net.events(6, 6);
    await pass();
    expect(first.state).toStrictEqual({ ...second.state, leader: false });
    expect(first.seqs("R")).toStrictEqual([1, 2, 3, 6]);
  });

  test("a leader in the dark is woken when its next try is due", async () => {
    const first = await following(3);
    const second = browser.tab();
    first.hidden = true;
    await pass();
    for (let i = 0; i < 6; i++) {
      first.sleepyTimers = i === 5;
      net.socket.ends(1006);
      await pass(100);
      if (i < 5) await pass(20_000);
    }
    const { retryAt = 0 } = second.state;
    expect(retryAt - Date.now()).toBeGreaterThan(5_000);
    const tries = net.sockets.length;
    await pass(retryAt - Date.now() + 1_400);
    expect(net.sockets).toHaveLength(tries);
    await pass(300);
    expect(net.sockets).toHaveLength(tries + 1);
  });
});
