import { useEffect, useState } from "react";

/** Copies text. For a moment after, `copied` says whether it did. */
export function useCopied(moment = 2000): { copied: boolean | undefined; copy: (what: string) => void } {
  const [done, setDone] = useState<{ copied: boolean }>();
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(undefined), moment);
    return () => clearTimeout(timer);
  }, [done, moment]);
  const copy = (what: string) =>
    void (canCopy() ? navigator.clipboard.writeText(what) : Promise.reject(new Error("no clipboard"))).then(
      () => setDone({ copied: true }),
      () => setDone({ copied: false }), // the browser does not let us
    );
  return { copied: done?.copied, copy };
}

/** Only pages that came over TLS (or from localhost) may. */
export function canCopy(): boolean {
  return typeof navigator !== "undefined" && "clipboard" in navigator;
}
