import { type ReactNode, useEffect, useState } from "react";
import { Dialog } from "../app/Dialog.tsx";
import { unsentOf } from "../app/line.ts";
import { problemText } from "../app/problemText.ts";
import { Alert, Button } from "../app/ui.tsx";
import { useCopy } from "../app/useCopy.tsx";
import type { Key } from "../i18n/en.ts";
import { language, useText } from "../i18n/i18n.ts";
import type { LiveStatus } from "../live/live.ts";
import { useRooms } from "../rooms/useRooms.ts";
import { api } from "../store/api.ts";
import { useStore, useStoreDispatch } from "../store/store.ts";
import { useLive } from "../store/useLive.ts";
import { check, type Checked, report, roomReports } from "./report.ts";
import { RoomTable, Violations } from "./tables.tsx";

const statusKeys: Record<LiveStatus, Key> = {
  connecting: "line.status.connecting",
  open: "line.status.open",
  waiting: "line.status.waiting",
  ended: "line.status.ended",
};

/** Whether one has everything, and how one can tell. */
export default function Diagnostics({ close }: { close: () => void }) {
  const text = useText();
  const live = useLive();
  const state = useStore((s) => s.live);
  const { mine, others } = useRooms();
  const copy = useCopy();
  useEffect(() => live.ping(), [live]);
  const rooms = roomReports(state.rooms, [...mine, ...others]);
  return (
    <Dialog title={text("line.title")} close={close} wide>
      <div className="flex flex-col gap-5">
        <Verdict missing={rooms.reduce((n, r) => n + r.missing, 0)} />
        <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-1">
          <Fact name={text("line.status")}>{text(statusKeys[state.status])}</Fact>
          <Fact name={text("line.node")}>{state.node ?? "–"}</Fact>
          <Fact name={text("line.roundTrip")}>
            {state.roundTrip === undefined ? "–" : text("line.ms", { ms: Math.round(state.roundTrip) })}
          </Fact>
          <Fact name={text("line.tab")}>{text(state.leader ? "line.leads" : "line.follows")}</Fact>
          <Fact name={text("line.unsent")}>{unsentOf(state).toLocaleString(language())}</Fact>
        </dl>
        <RoomTable rooms={rooms} />
        <Violations list={state.violations} rooms={rooms} />
        <div className="flex justify-end">
          <Button onClick={() => copy.copy(report(live.state, rooms, new Date()))}>
            {text("line.copyReport")}
          </Button>
          {copy.said}
        </div>
      </div>
    </Dialog>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** Everything has come, or not; and the server's word on it, when asked. */
function Verdict({ missing }: { missing: number }) {
  const text = useText();
  const live = useLive();
  const dispatch = useStoreDispatch();
  const open = useStore((s) => s.live.status === "open");
  const [asking, setAsking] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const [checked, setChecked] = useState<Checked & { at: Date }>();

  async function ask() {
    setAsking(true);
    setFailed(undefined);
    const before = live.state.rooms;
    const asked = dispatch(api.endpoints.rooms.initiate(undefined, { forceRefetch: true, subscribe: false }));
    try {
      const listed = await asked.unwrap();
      setChecked({ ...check(before, live.state.rooms, listed), at: new Date() });
    } catch (err) {
      setFailed(err);
    } finally {
      setAsking(false);
    }
  }

  return (
    <div className="flex flex-col gap-2 rounded-lg border border-line bg-side p-3">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-48 flex-1 font-medium">
          {missing > 0
            ? text("line.missing", { count: missing })
            : text(open ? "line.everything" : "line.everythingUntil")}
        </p>
        <Button disabled={asking} onClick={() => void ask()}>
          {text("line.check")}
        </Button>
      </div>
      <div role="status" className="text-sm">
        {checked && <CheckResult checked={checked} />}
      </div>
      {failed !== undefined && <Alert>{problemText(failed)}</Alert>}
    </div>
  );
}

function CheckResult({ checked }: { checked: Checked & { at: Date } }) {
  const text = useText();
  const at = checked.at.toLocaleTimeString(language());
  if (checked.ahead > 0)
    return <p className="text-danger">{text("line.checkedAhead", { count: checked.ahead, at })}</p>;
  if (checked.missing > 0) return <p>{text("line.checkedMissing", { count: checked.missing, at })}</p>;
  return <p>{text("line.checkedAll", { count: checked.rooms, at })}</p>;
}
