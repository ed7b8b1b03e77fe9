import { gemoji } from "gemoji";
import type { Plugin } from "vite";

/**
 * `virtual:emoji`: a line per emoji, "😄 smile|happy joy": its names, then what else one may
 * look for. Half of what the package weighs, and made at build time.
 */
export function emoji(): Plugin {
  const id = "\0virtual:emoji";
  return {
    name: "confab-emoji",
    resolveId: (source) => (source === "virtual:emoji" ? id : undefined),
    load(asked) {
      if (asked !== id) return undefined;
      const lines = gemoji.map((e) => `${e.emoji} ${e.names.join(" ")}|${e.tags.join(" ")}`);
      return `export default ${JSON.stringify(lines.join("\n"))};`;
    },
  };
}
