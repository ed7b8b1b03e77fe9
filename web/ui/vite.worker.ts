import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const WORKER = "sw.js";

/**
 * Builds src/pwa/sw.ts as /sw.js, a name that stays, and tells it what was built: the same
 * files make the same worker.
 */
export function worker(): Plugin {
  let publicDir = "";
  return {
    name: "confab-worker",
    apply: "build",
    config: () => ({
      build: {
        rolldownOptions: {
          input: { index: "index.html", sw: "src/pwa/sw.ts" },
          output: { entryFileNames: (c) => (c.name === "sw" ? WORKER : "assets/[name]-[hash].js") },
        },
      },
    }),
    configResolved(config) {
      publicDir = config.publicDir;
    },
    generateBundle: {
      order: "post", // the page is made by then
      handler(_, bundle) {
        const chunk = bundle[WORKER];
        if (chunk?.type !== "chunk") throw new Error(`${WORKER} was not built`);
        if (chunk.imports.length > 0) throw new Error(`${WORKER} has to be one file`);
        const files: Record<string, string> = {};
        for (const [name, built] of Object.entries(bundle)) {
          if (name === WORKER) continue;
          const content = built.type === "chunk" ? built.code : built.source;
          if (name === "index.html") files["/"] = integrity(content);
          else files[`/${name}`] = name.startsWith("assets/") ? "" : integrity(content);
        }
        for (const name of readdirSync(publicDir))
          files[`/${name}`] = integrity(readFileSync(join(publicDir, name)));
        const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
        const version = createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 12);
        chunk.code = chunk.code.replace("__BUILD__", () => JSON.stringify({ version, files: sorted }));
      },
    },
  };
}

function integrity(content: string | Uint8Array): string {
  return `sha256-${createHash("sha256").update(content).digest("base64")}`;
}
