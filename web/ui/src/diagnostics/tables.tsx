import { language, useText } from "../i18n/i18n.ts";
import type { LiveState } from "../live/live.ts";
import type { RoomReport } from "./report.ts";

/** Each followed room's cursor beside its head. */
export function RoomTable({ rooms }: { rooms: readonly RoomReport[] }) {
  const text = useText();
  if (rooms.length === 0) return <p className="text-muted">{text("line.noRooms")}</p>;
  return (
    <div className="max-h-72 overflow-auto" tabIndex={0} role="region" aria-label={text("rooms.title")}>
      <table className="w-full text-left text-sm">
        <thead>
          <tr className="border-b border-line text-muted">
            <th className="py-1 pr-4 font-medium">{text("line.room")}</th>
            <th className="py-1 pr-4 text-right font-medium">{text("line.cursor")}</th>
            <th className="py-1 pr-4 text-right font-medium">{text("line.head")}</th>
            <th className="py-1 font-medium">{text("line.epoch")}</th>
          </tr>
        </thead>
        <tbody>
          {rooms.map((r) => (
            <tr key={r.room} className={r.missing > 0 || r.refused ? "text-warn" : ""}>
              <td className="max-w-40 truncate py-1 pr-4" title={r.room}>
                {r.name}
                {r.refused && ` (${r.refused})`}
              </td>
              <td className="py-1 pr-4 text-right tabular-nums">{r.cursor.toLocaleString(language())}</td>
              <td className="py-1 pr-4 text-right tabular-nums">{r.head.toLocaleString(language())}</td>
              <td className="max-w-24 truncate py-1" title={r.epoch}>
                {r.epoch ?? "–"}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface ViolationsProps {
  list: LiveState["violations"];
  rooms: readonly RoomReport[];
}

/** What the server sent out of order; each was healed by asking again. */
export function Violations({ list, rooms }: ViolationsProps) {
  const text = useText();
  const name = (room: string) => rooms.find((r) => r.room === room)?.name ?? room;
  return (
    <section>
      <h3 className="font-medium">{text("line.violations")}</h3>
      {list.length === 0 ? (
        <p className="text-sm text-muted">{text("line.noViolations")}</p>
      ) : (
        <ul className="text-sm">
          {list.toReversed().map((v, i) => (
            <li key={list.length - i}>
              {text("line.violation", {
                at: new Date(v.at).toLocaleString(language()),
                room: name(v.room),
                want: v.want,
                got: v.got,
              })}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
