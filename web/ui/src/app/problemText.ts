import type { Key } from "../i18n/en.ts";
import { text } from "../i18n/i18n.ts";
import { problem } from "../store/api.ts";

// Codes whose `detail` says more than we can.
const detailed = new Set(["invalid", "forbidden", "conflict", "too_large"]);
const byCode: Partial<Record<string, Key>> = {
  not_found: "app.problem.notFound",
  unauthenticated: "app.problem.unauthenticated",
  unavailable: "app.problem.unavailable",
  unreachable: "app.problem.unreachable",
  internal: "app.problem.internal",
};

/** What went wrong, for people. `own` are texts that fit the place better. */
export function problemText(error: unknown, own: Partial<Record<string, Key>> = {}): string {
  const { code, detail, retry_after_ms } = problem(error);
  const better = own[code];
  if (better) return text(better, { detail });
  if (code === "rate_limited")
    return text("app.problem.rateLimited", {
      count: Math.max(1, Math.ceil((retry_after_ms ?? 1000) / 1000)),
    });
  if (detailed.has(code) && detail) return sentence(detail);
  return text(byCode[code] ?? "app.problem.internal");
}

function sentence(s: string): string {
  return s.charAt(0).toUpperCase() + s.slice(1) + (/[.!?]$/.test(s) ? "" : ".");
}
