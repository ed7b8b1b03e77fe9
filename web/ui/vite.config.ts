import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { emoji } from "./vite.emoji.ts";
import { worker } from "./vite.worker.ts";

// The server that `make dev` (npm run dev) puts the page in front of.
const server = process.env.CONFAB_URL ?? "http://localhost:8080";

export default defineConfig({
  plugins: [react(), tailwindcss(), emoji(), worker()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the server's policy allows no data: scripts or styles
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    // The Origin stays that of the page: run the server with CONFAB_ORIGINS=http://localhost:5173
    proxy: { "/api": server, "/ws": { target: server, ws: true }, "/healthz": server },
  },
});
