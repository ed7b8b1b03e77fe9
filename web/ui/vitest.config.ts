import { defineConfig } from "vitest/config";
import { emoji } from "./vite.emoji.ts";

export default defineConfig({
  plugins: [emoji()],
  test: { include: ["src/**/*.test.{ts,tsx}"], environment: "node" },
});
