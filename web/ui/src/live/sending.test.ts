import { describe, expect, test } from "vitest";
import type { FakeTab } from "./testing/browser.ts";
import { browser, following, net, pass, seqs, staged } from "./testing/stage.ts";

staged();

const sent = () => net.sockets.flatMap((s) => s.sent).filter((f) => f.type === "send");
const keys = () => new Set(sent().map((f) => f.key));
const bodies = (tab: FakeTab) => tab.state.outbox.map((m) => m.body);

describe("a message", () => {
  test("is in the outbox of all tabs until its event came, then in none", async () => {
    const first = await following(3);
    const second = browser.tab();
    await pass();
    second.live.send("R", "hi");
    expect(bodies(second)).toStrictEqual(["hi"]);
    await pass();
    expect(bodies(first)).toStrictEqual(["hi"]);
    net.acks(4);
    await pass();
    for (const tab of [first, second]) expect(tab.state.outbox).toMatchObject([{ body: "hi", seq: 4 }]);
    net.events(4, 4, { actor: "u1", key: String(sent()[0]?.key) });
    await pass();
    for (const tab of [first, second]) expect(tab.state.outbox).toStrictEqual([]);
    expect(sent()).toHaveLength(1);
    const all = second.states.map((s) => s.outbox.length).join("");
    expect(all).toMatch(/^0*1+0+$/); // it did not flicker
  });

  test("is in none when its event came before its ack", async () => {
    const tab = await following(3);
    tab.live.send("R", "hi");
    await pass();
    net.events(4, 4, { actor: "u1", key: String(sent()[0]?.key) });
    await pass();
    expect(tab.state.outbox).toStrictEqual([]);
    net.acks(4);
    await pass();
    expect(tab.state.outbox).toStrictEqual([]);
  });

  test("of a room that is not followed is in the outbox until its event came, too", async () => {
    const first = await following(3);
    const second = browser.tab();
    await pass();
    first.live.send("S", "hi");
    await pass();
    net.acks(60);
    await pass();
    expect(bodies(first)).toStrictEqual(["hi"]);
    expect(net.asked("S")).toMatchObject({ after: 10 });
    first.kill();
    await pass();
    net.welcomed();
    await pass();
    expect(bodies(second)).toStrictEqual(["hi"]);
    net.subscribed(60, "S");
    net.events(11, 59, { room: "S" });
    net.events(60, 60, { room: "S", actor: "u1", key: String(sent()[0]?.key) });
    await pass();
    expect(second.seqs("S")).toStrictEqual(seqs(11, 60));
    expect(bodies(second)).toStrictEqual([]);
  });

  test("keeps its place among those of other tabs", async () => {
    const first = await following(3);
    const second = browser.tab();
    await pass();
    first.live.send("R", "1");
    second.live.send("R", "2");
    await pass(1);
    first.live.send("R", "3");
    second.live.send("R", "4");
    await pass();
    expect(new Set([bodies(first).join(""), bodies(second).join("")]).size).toBe(1);
    expect(bodies(first).join("")).toMatch(/^[12]{2}[34]{2}$/);
  });

  test("that failed can be tried again or dropped in any tab", async () => {
    const first = await following(3);
    const second = browser.tab();
    await pass();
    const refuse = async () => {
      const id = net.socket.last("send")?.id;
      net.socket.says({ type: "error", id, code: "forbidden", message: "why" });
      await pass();
    };
    first.live.send("R", "1");
    await pass();
    await refuse();
    const key = second.state.outbox[0]?.key ?? "";
    expect(second.state.outbox).toMatchObject([{ failed: { code: "forbidden" } }]);
    second.live.retry(key);
    await pass();
    expect(first.state.outbox[0]?.failed).toBeUndefined();
    expect(sent()).toHaveLength(2);
    await refuse();
    second.live.discard(key);
    await pass();
    for (const tab of [first, second]) expect(tab.state.outbox).toStrictEqual([]);
  });

  // However far it got when the leader died.
  test.each(Array.from({ length: 30 }, (_, i) => i))(
    "of a follower survives a leader that dies after %i ms, and is sent under one key",
    async (ms) => {
      const first = await following(3);
      const second = browser.tab();
      await pass();
      second.live.send("R", "hi");
      second.live.send("R", "there");
      await pass(ms);
      first.kill();
      await pass();
      net.welcomed();
      await pass();
      expect(bodies(second)).toStrictEqual(["hi", "there"]);
      net.acks(4);
      await pass();
      net.acks(5);
      await pass();
      expect(net.socket.sent.filter((f) => f.type === "send").map((f) => f.body)).toStrictEqual([
        "hi",
        "there",
      ]);
      expect(keys().size).toBe(2);
    },
  );

  test("of a tab that dies at once is sent", async () => {
    await following(3);
    const second = browser.tab();
    await pass();
    second.live.send("R", "hi");
    second.kill();
    await pass();
    expect(sent()).toMatchObject([{ body: "hi" }]);
  });

  test("of a follower survives the leader even where the browser keeps nothing", async () => {
    browser.factory = undefined;
    const first = await following(3);
    browser.tab(); // leads next
    const third = browser.tab();
    await pass();
    first.hang(); // it hears nothing any more
    third.live.send("R", "hi");
    await pass(10);
    first.kill();
    await pass();
    net.welcomed();
    await pass();
    expect(sent()).toMatchObject([{ body: "hi" }]);
    expect(bodies(third)).toStrictEqual(["hi"]);
  });

  test("that was acked is in the outbox of the next leader, too, until its event came", async () => {
    const first = await following(3);
    const second = browser.tab();
    second.live.follow("R", 3);
    await pass();
    first.live.send("R", "hi");
    await pass();
    net.acks(4);
    await pass();
    const before = second.states.length;
    first.kill();
    await pass();
    net.welcomed();
    await pass();
    expect(second.states.slice(before).map((s) => s.outbox.length)).not.toContain(0);
    net.subscribed(4);
    net.events(4, 4, { actor: "u1", key: String(sent()[0]?.key) });
    await pass();
    expect(bodies(second)).toStrictEqual([]);
  });

  test("of which the event came is sent, even if the ack is lost", async () => {
    const tab = await following(3);
    tab.live.send("R", "hi");
    tab.live.send("R", "there");
    await pass();
    net.events(4, 4, { actor: "u1", key: String(sent()[0]?.key) });
    await pass();
    expect(sent().map((f) => f.body)).toStrictEqual(["hi", "there"]);
    net.socket.ends(1006);
    await pass(1000);
    net.welcomed();
    await pass();
    expect(sent().map((f) => f.body)).toStrictEqual(["hi", "there", "there"]);
    tab.kill();
    const next = browser.tab();
    await pass();
    expect(bodies(next)).toStrictEqual(["there"]);
  });

  test.each([
    ["keeps nothing", undefined],
    ["does not answer", { open: () => ({}) } as unknown as IDBFactory],
  ])("of a follower survives the leader that took it over, where the disk %s", async (_, factory) => {
    browser.factory = factory;
    const first = browser.tab();
    browser.tab(); // leads next
    const third = browser.tab();
    await pass(4000);
    third.live.send("R", "hi");
    await pass();
    expect(bodies(first)).toStrictEqual(["hi"]);
    first.kill();
    await pass(4000);
    expect(bodies(third)).toStrictEqual(["hi"]);
    net.welcomed();
    await pass();
    expect(sent()).toMatchObject([{ body: "hi" }]);
    net.acks(1);
    await pass();
    net.subscribed(1);
    net.events(1, 1, { actor: "u1", key: String(sent()[0]?.key) });
    await pass();
    expect(bodies(third)).toStrictEqual([]);
  });

  test("is still there when all tabs died, and sent under its key", async () => {
    const tab = await following(3);
    net.socket.ends(1006);
    tab.live.send("R", "hi");
    await pass(30);
    const [message] = tab.state.outbox;
    tab.kill();
    const next = browser.tab();
    await pass();
    expect(next.state.outbox).toStrictEqual([message]);
    net.welcomed();
    await pass();
    expect(sent()).toMatchObject([{ body: "hi", key: message?.key }]);
  });
});
