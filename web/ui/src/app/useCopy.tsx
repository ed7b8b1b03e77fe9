import { type ReactNode, useEffect, useState } from "react";
import { useText } from "../i18n/i18n.ts";

const shown = 2500; // ms

/** Copies text, and says whether it did: put `said` somewhere. */
export function useCopy(): { copy: (what: string) => void; said: ReactNode } {
  const text = useText();
  const [done, setDone] = useState<{ ok: boolean }>();
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(undefined), shown);
    return () => clearTimeout(timer);
  }, [done]);
  // Without https there is no clipboard.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  const copy = (what: string) =>
    void (clipboard?.writeText(what) ?? Promise.reject(new Error("no clipboard"))).then(
      () => setDone({ ok: true }),
      () => setDone({ ok: false }),
    );
  const said = (
    <span role="status" className="pointer-events-none fixed inset-x-0 bottom-24 z-40 flex justify-center">
      {done && (
        <span className="rounded-full bg-text px-4 py-1.5 text-sm text-ground">
          {text(done.ok ? "app.copied" : "app.notCopied")}
        </span>
      )}
    </span>
  );
  return { copy, said };
}
