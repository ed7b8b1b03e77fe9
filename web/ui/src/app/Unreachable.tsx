import { useText } from "../i18n/i18n.ts";
import { useMeQuery } from "../store/api.ts";
import { Button } from "./ui.tsx";

/** The server cannot be asked who we are, and this browser does not know. */
export function Unreachable() {
  const text = useText();
  const { refetch, isFetching } = useMeQuery(undefined, { pollingInterval: 5000 });
  return (
    <main className="flex h-full flex-col items-center justify-center gap-4 p-6 text-center">
      <h1 className="text-xl font-semibold">{text("app.unreachable.title")}</h1>
      <p className="text-muted">{text("app.unreachable.text")}</p>
      <Button kind="primary" disabled={isFetching} onClick={() => void refetch()}>
        {text("app.tryAgain")}
      </Button>
    </main>
  );
}
