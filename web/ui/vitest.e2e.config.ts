import { defineConfig } from "vitest/config";

// The tests in real browsers. The Go test TestBrowser_* (make e2e) runs them: it starts the
// servers and says by CONFAB_E2E_… where they are, and which mode they are in.
const mode = process.env.CONFAB_E2E_MODE ?? "embedded";
const files: Record<string, string[]> = {
  embedded: ["e2e/*.e2e.ts"],
  cluster: ["e2e/{chat,kill,tabs,nodes}.e2e.ts"],
};

export default defineConfig({
  test: {
    include: files[mode] ?? [`e2e/${mode}.ts`],
    exclude: mode === "embedded" ? ["e2e/nodes.e2e.ts"] : [],
    environment: "node",
    globalSetup: "e2e/harness/browser.ts",
    // One after the other: they kill the server, and measure.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000, interval: 50 } },
  },
});
