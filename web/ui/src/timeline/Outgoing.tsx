import { useEffect, useState } from "react";
import { useText } from "../i18n/i18n.ts";
import type { Key } from "../i18n/en.ts";
import type { Refusal } from "../net/index.ts";
import { useLive } from "../store/useLive.ts";
import { useStore } from "../store/store.ts";

// Most messages are there before anybody could read that they are on the way.
const SAID_AFTER = 1000;
const WAITING_AFTER = 5000;

/** Says that a message is on its way. It takes no room, so that nothing moves when it has arrived. */
export function Sending({ written }: { written: number }) {
  const text = useText();
  const online = useStore((s) => s.live.status === "open") && navigator.onLine;
  const said = useAge(written, SAID_AFTER);
  const late = useAge(written, WAITING_AFTER);
  if (!said) return null;
  return (
    <span className="absolute right-4 bottom-0.5 rounded bg-own px-1 text-xs text-muted">
      {text(late && !online ? "timeline.waiting" : "timeline.sending")}
    </span>
  );
}

function useAge(since: number, age: number): boolean {
  const [reached, setReached] = useState(() => Date.now() - since >= age);
  useEffect(() => {
    if (reached) return;
    const timer = setTimeout(() => setReached(true), since + age - Date.now());
    return () => clearTimeout(timer);
  }, [reached, since, age]);
  return reached;
}

const reasons: Record<string, Key> = {
  forbidden: "timeline.forbidden",
  not_found: "timeline.notFound",
  too_large: "timeline.tooLarge",
  conflict: "timeline.conflict",
  invalid: "timeline.invalid",
};

/** Why the server did not take a message, and what one can do. */
export function Failed({ messageKey, failed }: { messageKey: string; failed: Refusal | undefined }) {
  const text = useText();
  const live = useLive();
  const code = failed?.code ?? "";
  const button = "min-h-8 rounded border border-line bg-raised px-3 text-sm hover:bg-hover";
  return (
    <div className="flex flex-wrap items-center gap-2 pb-1 text-sm">
      <span className="text-danger">
        {text("timeline.failed", { reason: text(reasons[code] ?? "timeline.otherReason", { code }) })}
      </span>
      <button type="button" className={button} onClick={() => live.retry(messageKey)}>
        {text("timeline.again")}
      </button>
      <button type="button" className={button} onClick={() => live.discard(messageKey)}>
        {text("timeline.discard")}
      </button>
    </div>
  );
}
