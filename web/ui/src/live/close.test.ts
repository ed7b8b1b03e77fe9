import { expect, test, vi } from "vitest";
import { browser, following, net, pass, staged } from "./testing/stage.ts";

staged();

// As React does in development.
test.each([true, false])(
  "a tab that is closed at once and opened again leaves nothing behind, with locks: %s",
  async (secure) => {
    browser.secure = secure;
    browser.tab().live.close();
    const again = browser.tab();
    await pass();
    expect(net.sockets).toHaveLength(1);
    again.live.close();
    await pass(5_000);
    expect(net.socket.closed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  },
);

test("what is typed after the end is kept for the next tab", async () => {
  const tab = await following(3);
  tab.live.close();
  tab.live.send("R", "late");
  await pass(5_000);
  expect(vi.getTimerCount()).toBe(0);
  const next = browser.tab();
  await pass();
  expect(next.state.outbox).toMatchObject([{ body: "late" }]);
});
