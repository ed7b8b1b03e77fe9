import { problemText } from "../app/problemText.ts";
import { Alert, Button } from "../app/ui.tsx";
import { useText } from "../i18n/i18n.ts";
import { type Room, useJoinMutation } from "../store/api.ts";

/** In place of the composer, for a public room that one only looks at. */
export function JoinBar({ room }: { room: Room }) {
  const text = useText();
  const [join, { isLoading, error }] = useJoinMutation();
  return (
    <div className="flex flex-col gap-2 border-t border-line p-3">
      {error !== undefined && <Alert>{problemText(error)}</Alert>}
      <div className="flex flex-wrap items-center justify-center gap-3">
        <p className="text-muted">{text("rooms.preview")}</p>
        <Button kind="primary" disabled={isLoading} onClick={() => void join({ room: room.id })}>
          {text("rooms.join")}
        </Button>
      </div>
    </div>
  );
}
