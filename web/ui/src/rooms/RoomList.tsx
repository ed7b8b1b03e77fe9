import { Plus } from "lucide-react";
import { lazy, useState } from "react";
import { Lazily } from "../app/Lazily.tsx";
import { problemText } from "../app/problemText.ts";
import { Alert, Button, IconButton, inputClass } from "../app/ui.tsx";
import { useText } from "../i18n/i18n.ts";
import type { Room } from "../store/api.ts";
import { matching } from "./order.ts";
import { RoomLink } from "./RoomLink.tsx";
import { useRooms } from "./useRooms.ts";

const NewRoom = lazy(() => import("./NewRoom.tsx"));

export const filterId = "filter-rooms";

/** The rooms, one's own first, then those to look at. */
export function RoomList({ open }: { open: string | undefined }) {
  const text = useText();
  const [filter, setFilter] = useState("");
  const [making, setMaking] = useState(false);
  const rooms = useRooms();
  const mine = matching(rooms.mine, filter);
  const others = matching(rooms.others, filter);
  const below = heightOf(mine, ownRow);
  return (
    <>
      <div className="flex items-center gap-1 p-2 pt-[max(0.5rem,env(safe-area-inset-top))]">
        <input
          id={filterId}
          autoComplete="off"
          spellCheck={false}
          aria-label={text("rooms.filter")}
          placeholder={text("rooms.filter")}
          className={inputClass}
          value={filter}
          onChange={(e) => setFilter(e.target.value)}
          onKeyDown={(e) => {
            if (e.key === "Escape") setFilter("");
          }}
        />
        <IconButton label={text("rooms.new")} onClick={() => setMaking(true)}>
          <Plus size={20} aria-hidden />
        </IconButton>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto px-2 pb-2">
        {rooms.loading && <Rows />}
        {rooms.error !== undefined && (
          <div className="flex flex-col gap-2">
            <Alert>{problemText(rooms.error)}</Alert>
            <Button onClick={rooms.again}>{text("app.tryAgain")}</Button>
          </div>
        )}
        {!rooms.loading && mine.length + others.length === 0 && filter !== "" && (
          <p className="p-2 text-muted">{text("rooms.noMatch")}</p>
        )}
        {!rooms.loading && rooms.error === undefined && rooms.mine.length === 0 && filter === "" && (
          <p className="p-2 text-muted">{text("rooms.none")}</p>
        )}
        <div className="relative" style={{ height: `${below + heightOf(others, otherRow)}rem` }}>
          <Section title={text("rooms.mine")} rooms={mine} row={ownRow} top={0} open={open} />
          <Section title={text("rooms.others")} rooms={others} row={otherRow} top={below} open={open} />
        </div>
      </div>
      <Lazily>{making && <NewRoom close={() => setMaking(false)} />}</Lazily>
    </>
  );
}

// Heights in rem: each row is put in its place by a transform, so that a new order moves no layout.
const heading = 2.25;
const ownRow = 3.5;
const otherRow = 2.25;

function heightOf(rooms: readonly Room[], row: number): number {
  return rooms.length === 0 ? 0 : heading + rooms.length * row;
}

interface SectionProps {
  title: string;
  rooms: readonly Room[];
  row: number;
  top: number;
  open: string | undefined;
}

function Section({ title, rooms, row, top, open }: SectionProps) {
  if (rooms.length === 0) return null;
  return (
    <section
      aria-label={title}
      className="absolute inset-x-0 top-0"
      style={{ transform: `translateY(${top}rem)` }}
    >
      <h2 className="flex h-9 items-end px-2 pb-1 text-xs font-semibold text-muted">{title}</h2>
      <ul>
        {rooms.map((r, i) => (
          <li
            key={r.id}
            className="absolute inset-x-0 top-0"
            style={{ transform: `translateY(${heading + i * row}rem)` }}
          >
            <RoomLink room={r} current={r.id === open} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** As high as the rooms that will be there. */
function Rows() {
  return (
    <div aria-hidden="true" className="pt-9">
      {[70, 50, 62, 44].map((width) => (
        <div key={width} className="flex h-14 flex-col justify-center gap-2 px-2">
          <div className="h-3 rounded bg-hover" style={{ width: `${width}%` }} />
          <div className="h-2.5 w-4/5 rounded bg-hover" />
        </div>
      ))}
    </div>
  );
}
