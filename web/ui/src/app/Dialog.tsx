import { X } from "lucide-react";
import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useText } from "../i18n/i18n.ts";
import { IconButton } from "./ui.tsx";

interface DialogProps {
  title: string;
  close: () => void;
  children: ReactNode;
  wide?: boolean;
}

/**
 * A modal dialog. The browser holds the focus in it, and gives it back at the end. It begins
 * where something is marked by data-autofocus: React's autoFocus comes before the dialog is open.
 */
export function Dialog({ title, close, children, wide = false }: DialogProps) {
  const text = useText();
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  // A layout effect ends before the dialog leaves the page: only then is the focus given back.
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      className={`m-auto max-h-[min(90dvh,48rem)] w-[calc(100%-2rem)] overflow-hidden rounded-xl border border-line bg-raised p-0 text-text shadow-xl backdrop:bg-black/50 ${wide ? "max-w-2xl" : "max-w-md"}`}
      onCancel={(e) => {
        e.preventDefault();
        close();
      }}
      // The browser closes it by itself at a second Esc. When it is open again, the event is stale.
      onClose={(e) => {
        if (!e.currentTarget.open) close();
      }}
      onClick={(e) => {
        if (e.target === e.currentTarget) close(); // beside it
      }}
    >
      <div className="flex max-h-[inherit] flex-col">
        <header className="flex items-center justify-between gap-2 border-b border-line py-2 pr-2 pl-4">
          <h2 id={id} className="min-w-0 text-base font-semibold wrap-anywhere">
            {title}
          </h2>
          <IconButton label={text("app.close")} onClick={close}>
            <X size={18} aria-hidden />
          </IconButton>
        </header>
        <div className="min-h-0 overflow-y-auto p-4">{children}</div>
      </div>
    </dialog>
  );
}
