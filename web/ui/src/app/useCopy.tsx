import type { ReactNode } from "react";
import { useText } from "../i18n/i18n.ts";
import { useCopied } from "./useCopied.ts";

const shown = 2500; // ms

/** Copies text, and says whether it did: put `said` somewhere. */
export function useCopy(): { copy: (what: string) => void; said: ReactNode } {
  const text = useText();
  const { copied, copy } = useCopied(shown);
  const said = (
    <span role="status" className="pointer-events-none fixed inset-x-0 bottom-24 z-40 flex justify-center">
      {copied !== undefined && (
        <span className="rounded-full bg-text px-4 py-1.5 text-sm text-ground">
          {text(copied ? "app.copied" : "app.notCopied")}
        </span>
      )}
    </span>
  );
  return { copy, said };
}
