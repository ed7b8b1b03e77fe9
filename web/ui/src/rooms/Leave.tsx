import { useLocation } from "wouter";
import { Dialog } from "../app/Dialog.tsx";
import { unsentOf } from "../app/line.ts";
import { problemText } from "../app/problemText.ts";
import { Alert, Button } from "../app/ui.tsx";
import { useText } from "../i18n/i18n.ts";
import { type Room, useLeaveMutation } from "../store/api.ts";
import { useStore } from "../store/store.ts";

/** Asks before leaving: nobody comes back to a private room by oneself. */
export default function Leave({ room, close }: { room: Room; close: () => void }) {
  const text = useText();
  const [, navigate] = useLocation();
  const [leave, { isLoading, error }] = useLeaveMutation();
  const unsent = useStore((s) => unsentOf(s.live, room.id));

  async function go() {
    const left = await leave({ room: room.id });
    if (left.error) return;
    close();
    if (room.visibility === "private") navigate("/");
  }

  return (
    <Dialog title={text("rooms.leave")} close={close}>
      <div className="flex flex-col gap-4">
        <p className="wrap-anywhere">
          {text(room.visibility === "private" ? "rooms.leavePrivate" : "rooms.leavePublic", {
            room: room.name,
          })}
        </p>
        {unsent > 0 && <p>{text("rooms.leaveUnsent", { count: unsent })}</p>}
        {error !== undefined && <Alert>{problemText(error)}</Alert>}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>{text("app.cancel")}</Button>
          <Button kind="danger" disabled={isLoading} onClick={() => void go()}>
            {text("rooms.leave")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
