import { Activity, Keyboard, LogOut } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { useText } from "../i18n/i18n.ts";
import { useStore } from "../store/store.ts";
import { useLive } from "../store/useLive.ts";
import { Dialog } from "./Dialog.tsx";
import { unsentOf } from "./line.ts";
import { problemText } from "./problemText.ts";
import { Alert, Button, IconButton } from "./ui.tsx";

interface FootProps {
  signOut: () => Promise<void>;
  showConnection: () => void;
  showShortcuts: () => void;
}

/** Below the rooms: who one is, and the way out. */
export function Foot({ signOut, showConnection, showShortcuts }: FootProps) {
  const text = useText();
  const { user } = useLive();
  const unsent = useStore((s) => unsentOf(s.live));
  const [asking, setAsking] = useState(false);
  const [failed, setFailed] = useState<unknown>();

  async function leave() {
    setFailed(undefined);
    try {
      await signOut();
    } catch (err) {
      setFailed(err);
      setAsking(true);
    }
  }

  return (
    <div className="flex items-center gap-1 border-t border-line p-2 pb-[max(0.5rem,env(safe-area-inset-bottom))]">
      <Link
        href="/account"
        title={text("app.account")}
        className="flex min-h-9 min-w-0 flex-1 items-center gap-2 rounded-md px-2 py-1 hover:bg-hover"
      >
        <span className="sr-only">{text("app.account")}</span>
        <bdi className="truncate font-medium">{user.name}</bdi>
        {user.guest && <span className="text-sm text-muted">{text("app.guest")}</span>}
      </Link>
      <IconButton label={text("app.shortcuts")} className="max-md:hidden" onClick={showShortcuts}>
        <Keyboard size={18} aria-hidden />
      </IconButton>
      <IconButton label={text("line.title")} onClick={showConnection}>
        <Activity size={18} aria-hidden />
      </IconButton>
      <IconButton label={text("app.signOut")} onClick={() => (unsent > 0 ? setAsking(true) : void leave())}>
        <LogOut size={18} aria-hidden />
      </IconButton>
      {asking && (
        <Dialog title={text("app.signOut")} close={() => setAsking(false)}>
          <div className="flex flex-col gap-4">
            {unsent > 0 && (
              <p>{text(user.guest ? "app.signOut.unsentGuest" : "app.signOut.unsent", { count: unsent })}</p>
            )}
            {failed !== undefined && (
              <Alert>{problemText(failed, { unreachable: "app.signOut.unreachable" })}</Alert>
            )}
            <div className="flex justify-end gap-2">
              <Button onClick={() => setAsking(false)}>{text("app.cancel")}</Button>
              <Button kind="danger" onClick={() => void leave()}>
                {text("app.signOut")}
              </Button>
            </div>
          </div>
        </Dialog>
      )}
    </div>
  );
}
