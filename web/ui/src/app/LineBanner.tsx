import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import { useText } from "../i18n/i18n.ts";
import { useStore } from "../store/store.ts";
import { behind, lineOf } from "./line.ts";
import { Button } from "./ui.tsx";

const flash = 1000; // a line that is back sooner is not worth a word
const soon = 2000; // when it is tried again within this time, no seconds are told

/**
 * A word about the line when it is not open. It lies over the page and moves nothing, except
 * where that would leave nothing to read (Layout makes room for it then).
 */
export function LineBanner() {
  const text = useText();
  const online = useSyncExternalStore(onlineChanges, () => navigator.onLine);
  const now = useStore((s) => lineOf(s.live, online));
  const late = useLasting(now === "reconnecting", flash);
  const line = now === "reconnecting" && !late ? "open" : now;
  return (
    <div className="pointer-events-none absolute inset-x-0 top-[calc(3.75rem+env(safe-area-inset-top))] z-20 flex flex-col items-center gap-2 px-2 md:left-72 short:top-px short:px-1">
      <div role="alert">
        <Unkept />
      </div>
      <div role="status" data-testid="line" data-line={line === "ended" ? "offline" : line}>
        {line === "offline" && (
          <Pill>
            <Long>{text("line.offline")}</Long>
          </Pill>
        )}
        {line === "reconnecting" && <Reconnecting />}
        {line === "catching-up" && <CatchingUp />}
        {line === "ended" && (
          <Pill>
            {text("line.ended")}
            <Button className="pointer-events-auto" onClick={() => location.reload()}>
              {text("app.reload")}
            </Button>
          </Pill>
        )}
      </div>
    </div>
  );
}

function Pill({ children }: { children: ReactNode }) {
  return (
    <div
      data-pill
      className="flex max-w-full items-center gap-2 rounded-full border border-line bg-warn-ground px-4 py-1 text-sm text-warn shadow-sm short:px-2 short:py-0 short:text-xs short:whitespace-nowrap"
    >
      {children}
    </div>
  );
}

function Long({ children }: { children: string }) {
  return <span className="min-w-0 short:truncate">{children}</span>;
}

function Reconnecting() {
  const text = useText();
  const retryAt = useStore((s) => s.live.retryAt);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const ticking = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(ticking);
  }, []);
  const left = (retryAt ?? 0) - now;
  return (
    <Pill>
      {text("line.reconnecting")}
      {/* Counted for eyes only: read aloud, each second would be a new message. */}
      <span aria-hidden="true" className="w-8 text-right tabular-nums">
        {left > soon && text("line.nextTry", { seconds: Math.ceil(left / 1000) })}
      </span>
    </Pill>
  );
}

function CatchingUp() {
  const text = useText();
  const left = useStore((s) => behind(s.live.rooms));
  const [all, setAll] = useState(left);
  if (left > all) setAll(left);
  return (
    <Pill>
      {text("line.catchingUp")}
      <progress
        className="h-2 w-24 accent-accent"
        aria-label={text("line.catchingUp")}
        max={all}
        value={all - left}
      />
    </Pill>
  );
}

/** Said once: what is typed lives as long as the page. */
function Unkept() {
  const text = useText();
  const unkept = useStore((s) => s.live.unkept);
  const [seen, setSeen] = useState(false);
  if (!unkept || seen) return null;
  return (
    <Pill>
      <Long>{text("line.unkept")}</Long>
      <Button className="pointer-events-auto" onClick={() => setSeen(true)}>
        {text("app.ok")}
      </Button>
    </Pill>
  );
}

/** Whether something has been so for some time. */
function useLasting(is: boolean, ms: number): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    if (!is) return;
    const timer = setTimeout(() => setLasts(true), ms);
    return () => {
      clearTimeout(timer);
      setLasts(false);
    };
  }, [is, ms]);
  return is && lasts;
}

function onlineChanges(f: () => void): () => void {
  addEventListener("online", f);
  addEventListener("offline", f);
  return () => {
    removeEventListener("online", f);
    removeEventListener("offline", f);
  };
}
