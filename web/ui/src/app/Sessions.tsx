import { language, useText } from "../i18n/i18n.ts";
import { type Session, useEndSessionMutation, useSessionsQuery } from "../store/api.ts";
import { device } from "./device.ts";
import { problemText } from "./problemText.ts";
import { Alert, Button } from "./ui.tsx";

/** Where one is signed in. */
export function Sessions() {
  const text = useText();
  const { data, error } = useSessionsQuery(undefined, {
    refetchOnMountOrArgChange: true,
    refetchOnReconnect: true,
  });
  return (
    <section className="flex flex-col gap-2">
      <h2 className="font-semibold">{text("app.sessions")}</h2>
      <p className="text-sm text-muted">{text("app.sessionsHint")}</p>
      {error !== undefined && <Alert>{problemText(error)}</Alert>}
      {!data && error === undefined && <p className="text-muted">{text("app.loading")}</p>}
      <ul>
        {data?.sessions.toReversed().map((s) => (
          <Row key={s.id} session={s} />
        ))}
      </ul>
    </section>
  );
}

function Row({ session }: { session: Session }) {
  const text = useText();
  const [end, { isLoading, error }] = useEndSessionMutation();
  const { browser, system } = device(session.user_agent);
  const name =
    browser && system
      ? text("app.device", { browser, system })
      : (browser ?? system ?? text("app.deviceUnknown"));
  return (
    <li className="border-b border-line py-2 last:border-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <div className="min-w-0 flex-1">
          <p className="truncate font-medium" title={session.user_agent}>
            {name}
          </p>
          <p className="text-sm text-muted">
            {text("app.sessionTimes", {
              created: date(session.created_at),
              expires: date(session.expires_at),
            })}
          </p>
        </div>
        {session.current ? (
          <span className="text-sm text-muted">{text("app.sessionCurrent")}</span>
        ) : (
          <Button disabled={isLoading} onClick={() => void end(session.id)}>
            {text("app.sessionEnd")}
          </Button>
        )}
      </div>
      {error !== undefined && <Alert>{problemText(error)}</Alert>}
    </li>
  );
}

function date(at: string): string {
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(at),
  );
}
