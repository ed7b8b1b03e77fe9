import { Check, Copy, Link2, type LucideIcon } from "lucide-react";
import { canCopy, useCopied } from "../app/useCopied.ts";
import { useText } from "../i18n/i18n.ts";
import type { Key } from "../i18n/en.ts";

/** What one can do with a message: seen on hover, or when the focus is in it. */
export function Actions({ href, text }: { href: string; text: string }) {
  // Not there over plain HTTP from another computer: no button that does nothing, then.
  if (!canCopy()) return null;
  return (
    <div className="absolute -top-4 right-3 flex rounded border border-line bg-raised opacity-0 shadow-sm group-focus-within:opacity-100 group-hover:opacity-100">
      <CopyButton label="timeline.copyText" icon={Copy} what={() => text} />
      <CopyButton label="timeline.copyLink" icon={Link2} what={() => new URL(href, location.href).href} />
    </div>
  );
}

function CopyButton({ label, icon, what }: { label: Key; icon: LucideIcon; what: () => string }) {
  const text = useText();
  const { copied, copy } = useCopied();
  const name = text(copied ? "timeline.copied" : label);
  const Icon = copied ? Check : icon;
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      onClick={() => copy(what())}
      className="grid size-8 place-items-center text-muted hover:bg-hover hover:text-text"
    >
      <Icon size={16} aria-hidden />
    </button>
  );
}
