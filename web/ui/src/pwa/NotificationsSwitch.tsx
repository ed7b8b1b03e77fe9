import { useId, useSyncExternalStore } from "react";
import { useText } from "../i18n/i18n.ts";
import { onPermission, permission, switchNotifications } from "./notifications.ts";

/** Whether this browser notifies of new messages. */
export function NotificationsSwitch() {
  const text = useText();
  const id = useId();
  const is = useSyncExternalStore(onPermission, permission, permission);
  const off = is === "blocked" || is === "none";
  return (
    <div>
      <label className="flex min-h-8 items-center gap-3">
        <span className="min-w-24 text-sm text-muted">{text("notify.switch")}</span>
        <input
          type="checkbox"
          role="switch"
          className="size-5 accent-accent"
          checked={is === "on"}
          disabled={off}
          aria-describedby={`${id}-hint`}
          onChange={(e) => void switchNotifications(e.target.checked)}
        />
      </label>
      <p id={`${id}-hint`} className="text-sm text-muted">
        {text(is === "blocked" ? "notify.blocked" : is === "none" ? "notify.none" : "notify.hint")}
      </p>
    </div>
  );
}
