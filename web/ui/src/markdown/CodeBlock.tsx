import { Check, Copy } from "lucide-react";
import { canCopy, useCopied } from "../app/useCopied.ts";
import { useText } from "../i18n/i18n.ts";
import "./code.css";
import { useHighlighted } from "./useHighlighted.ts";

/** Code as it was typed; its colours come a little later, without moving anything. */
export function CodeBlock({ text, language, gap }: { text: string; language: string; gap: boolean }) {
  const t = useText();
  const coloured = useHighlighted(text, language);
  return (
    <div className={`group/code relative my-1 ${gap ? "mt-2" : ""}`}>
      <pre
        tabIndex={0} // it scrolls, so the keyboard has to reach it
        role="group"
        aria-label={t("code.block")}
        className="overflow-x-auto rounded border border-line bg-code p-2 pe-10 font-mono text-[0.8125rem]"
      >
        <code>{coloured}</code>
      </pre>
      {canCopy() && <CopyButton text={text} />}
    </div>
  );
}

function CopyButton({ text }: { text: string }) {
  const t = useText();
  const { copied, copy } = useCopied();
  const Icon = copied ? Check : Copy;
  return (
    <button
      type="button"
      aria-label={t(copied ? "code.copied" : "code.copy")}
      onClick={() => copy(text)}
      className="absolute end-1 top-1 grid size-8 place-items-center rounded bg-code text-muted opacity-0 group-hover/code:opacity-100 hover:text-text focus-visible:opacity-100 pointer-coarse:opacity-100"
    >
      <Icon size={16} aria-hidden />
    </button>
  );
}
