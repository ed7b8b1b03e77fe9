import type { Key } from "../i18n/en.ts";
import { useText } from "../i18n/i18n.ts";
import { Dialog } from "./Dialog.tsx";

const mac = /Mac|iP(hone|ad)/.test(navigator.userAgent);
const mod = mac ? "⌘" : "Ctrl";
const alt = mac ? "⌥" : "Alt";

const rows: [Key, string[]][] = [
  ["app.keys.filter", [mod, "K"]],
  ["app.keys.beside", [alt, "↑ ↓"]],
  ["app.keys.unread", [alt, "Shift", "↑ ↓"]],
  ["app.keys.composer", ["Esc"]],
  ["app.keys.send", ["Enter"]],
  ["app.keys.break", ["Shift", "Enter"]],
  ["app.keys.sheet", ["?"]],
];

export default function Shortcuts({ close }: { close: () => void }) {
  const text = useText();
  return (
    <Dialog title={text("app.shortcuts")} close={close}>
      <dl className="flex flex-col gap-2">
        {rows.map(([what, keys]) => (
          <div key={what} className="flex items-center justify-between gap-4">
            <dt>{text(what)}</dt>
            <dd className="flex gap-1">
              {keys.map((k) => (
                <kbd key={k} className="rounded border border-line bg-side px-1.5 text-sm whitespace-nowrap">
                  {k}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
