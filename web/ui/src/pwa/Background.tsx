import { X } from "lucide-react";
import { useEffect, useState } from "react";
import { useText } from "../i18n/i18n.ts";
import { useLive } from "../store/useLive.ts";
import { startWorker } from "./register.ts";
import { useNotifications } from "./useNotifications.ts";
import { useTitle } from "./useTitle.ts";

/** What goes on beside what one sees: the service worker, notifications, the title. */
export function Background() {
  const { user } = useLive();
  useTitle(user.id);
  useNotifications(user.id);
  return <Update />;
}

/** A newer version is there. Never loaded unasked: somebody may be writing. */
function Update() {
  const text = useText();
  const [use, setUse] = useState<() => void>();
  useEffect(() => startWorker((f) => setUse(() => f)), []);
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-0 top-2 z-20 flex justify-center px-4 pt-[env(safe-area-inset-top)]"
    >
      {use && (
        <p className="pointer-events-auto flex items-center gap-1 rounded-full border border-line bg-raised py-1 ps-4 pe-1 text-sm shadow-lg">
          {text("notify.update")}
          <button
            type="button"
            onClick={use}
            className="min-h-8 rounded-full px-2 font-medium text-accent hover:bg-hover"
          >
            {text("notify.reload")}
          </button>
          <button
            type="button"
            aria-label={text("notify.later")}
            onClick={() => setUse(undefined)}
            className="grid size-8 place-items-center rounded-full text-muted hover:bg-hover"
          >
            <X size={16} aria-hidden />
          </button>
        </p>
      )}
    </div>
  );
}
