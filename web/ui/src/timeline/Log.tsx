import {
  type Ref,
  useEffect,
  useEffectEvent,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { flushSync } from "react-dom";
import { Virtualizer, type VirtualizerHandle } from "virtua";
import { useText } from "../i18n/i18n.ts";
import type { Room } from "../store/api.ts";
import { useStoreDispatch } from "../store/store.ts";
import { After, Before, EDGE } from "./Edges.tsx";
import { FAR, loadNewer, loadOlder, PAGE } from "./load.ts";
import { indexOf, type Row, startOf } from "./rows.ts";
import { RowView } from "./RowView.tsx";
import { trimmed } from "./slice.ts";
import { useKeys } from "./useKeys.ts";
import { useRead } from "./useRead.ts";
import { useShift } from "./useShift.ts";
import { first, isLive, last, MOST, type Target, type Window } from "./window.ts";

export interface LogHandle {
  show(target: Target): void;
  toEnd(): void;
}
interface LogProps {
  ref: Ref<LogHandle>;
  room: Room;
  w: Window | undefined;
  rows: readonly Row[];
  marked: number | undefined;
  /** The first unread event, until it has come into sight. */
  unread: number | undefined;
  onUnreadSeen: () => void;
  /** Whether the end is in sight. */
  onEndSeen: (seen: boolean) => void;
  onHome: () => void;
  onEnd: () => void;
}

const AT_END = 4;
const NEARLY = 100;
const RESTED = 1000; // ms
const SETTLED = 300; // ms: rows have been measured by then
/** Where each room was left, to come back to. */
const left = new Map<string, { id: number; end: boolean; seq: number; offset: number }>();

/** The list of rows. It keeps its place when pages come and rows change, and its end when it is there. */
export function Log({
  ref,
  room,
  w,
  rows,
  marked,
  unread,
  onUnreadSeen,
  onEndSeen,
  onHome,
  onEnd,
}: LogProps) {
  const text = useText();
  const dispatch = useStoreDispatch();
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const pinned = useRef(true);
  const offset = useRef(0);
  const aim = useRef<Target>(undefined); // until its row stands still, or somebody scrolls
  const settled = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [rested, setRested] = useState(0);
  const size = useRef(0);
  const endSeen = useRef(true);
  const id = w?.id ?? 0;
  const read = useRead(room.id, id);
  const shift = useShift(rows);

  const gap = () => {
    const el = scroller.current;
    return el ? el.scrollHeight - el.clientHeight - el.scrollTop : 0;
  };
  const toEnd = () => {
    pinned.current = true;
    const el = scroller.current;
    if (!el) return;
    el.scrollTop = size.current = el.scrollHeight;
    offset.current = el.scrollTop;
  };
  // Not virtua's scrollToIndex: for a while after, that takes back what somebody scrolls.
  const toAim = () => {
    const [el, l] = [scroller.current, list.current];
    const index = aim.current ? indexOf(rows, aim.current.seq) : -1;
    if (!el || !l || index < 0) return;
    const margin = aim.current?.align === "start" ? EDGE : (el.clientHeight - l.getItemSize(index)) / 2;
    el.scrollTop = EDGE + l.getItemOffset(index) - margin;
    [offset.current, size.current] = [el.scrollTop, el.scrollHeight];
  };
  const free = () => {
    clearTimeout(settled.current);
    aim.current = undefined;
  };
  const onResize = () => {
    if (pinned.current) toEnd();
    else if (aim.current) toAim();
    else size.current = scroller.current?.scrollHeight ?? 0;
  };
  const show = (target: Target) => {
    if (indexOf(rows, target.seq) < 0) return;
    pinned.current = false;
    free();
    aim.current = target;
    settled.current = setTimeout(free, SETTLED);
    toAim();
  };
  useImperativeHandle(ref, () => ({ show, toEnd }));
  const onKeyDown = useKeys({ list, scroller, rows, onHome, onEnd, onUp: () => (pinned.current = false) });
  useEffect(() => () => clearTimeout(settled.current), []);

  /** Looks at what is in sight: what was read, what has to be loaded. */
  const look = () => {
    const [el, l] = [scroller.current, list.current];
    if (!el || !l || !w || rows.length === 0) return;
    const index = l.findItemIndex(el.scrollTop);
    const top = rows[index];
    const bottom = rows[l.findItemIndex(el.scrollTop + el.clientHeight - 1)];
    const end = gap() <= NEARLY;
    if (end !== endSeen.current) onEndSeen((endSeen.current = end));
    if (unread !== undefined && top && startOf(top) <= unread) onUnreadSeen();
    if (top?.seq !== undefined) {
      const offset = el.scrollTop - EDGE - l.getItemOffset(index);
      left.set(room.id, { id, end: pinned.current, seq: top.seq, offset });
    }
    read(bottom?.seq ?? (isLive(w) ? w.head : 0));
    if (w.opening && !w.opening.failed) return;
    const near = Math.max(3000, 4 * el.clientHeight);
    if (el.scrollTop < near && first(w) > 1 && w.before === "idle") void dispatch(loadOlder(room.id));
    if (gap() < near && !isLive(w) && w.after === "idle") {
      if (pinned.current && w.head - last(w) > FAR) onEnd();
      else void dispatch(loadNewer(room.id));
    }
  };
  const onScroll = () => {
    const el = scroller.current;
    if (!el || !w) return;
    // It was moved up, and not by rows that changed.
    const up = el.scrollTop < offset.current - 1 && el.scrollHeight === size.current;
    if (el.scrollHeight === size.current && Math.abs(el.scrollTop - offset.current) > 1) free();
    [offset.current, size.current] = [el.scrollTop, el.scrollHeight];
    if (gap() <= AT_END) pinned.current ||= isLive(w) && !up;
    else if (up) pinned.current = false;
    look();
  };

  // A window that began anew starts where it was asked for, or where it was left.
  const began = useRef(-1);
  useLayoutEffect(() => {
    if (!w || rows.length === 0) return;
    if (began.current !== id) {
      const first = began.current === -1;
      began.current = id;
      const was = left.get(room.id);
      if (first && was?.id === id) {
        pinned.current = was.end;
        if (!was.end)
          list.current?.scrollToIndex(indexOf(rows, was.seq), { align: "start", offset: was.offset });
      } else {
        pinned.current = true;
        if (w.target) show(w.target);
      }
    }
    if (pinned.current) toEnd();
  });

  useEffect(look);

  // Rows at the front go when nothing has moved for a while, or at the end: the list keeps its
  // place from the end after that, and each row that is measured there would be a jump.
  const trim = useEffectEvent((rests: boolean) => {
    const l = list.current;
    if (!l || !w || w.events.length < MOST + PAGE) return;
    const low = l.findItemIndex(l.scrollOffset) > rows.length / 2;
    const keep = low ? "last" : "first";
    if (low && !rests && w.events.length < (pinned.current ? 2 : 4) * MOST) return;
    flushSync(() => dispatch(trimmed({ room: room.id, keep })));
    // Else the list shows nothing until the scroll event of the next frame.
    scroller.current?.dispatchEvent(new Event("scroll"));
  });
  const length = w?.events.length ?? 0;
  useEffect(() => {
    const timer = setTimeout(() => trim(false));
    return () => clearTimeout(timer);
  }, [length]);
  useEffect(() => {
    const timer = setTimeout(() => trim(true), RESTED);
    return () => clearTimeout(timer);
  }, [rested]);

  return (
    <div
      ref={scroller}
      role="log"
      aria-live="off"
      aria-label={text("timeline.messages", { room: room.name })}
      tabIndex={0}
      onKeyDown={(e) => {
        free();
        onKeyDown(e);
      }}
      onPointerDown={free}
      onWheel={(e) => {
        free();
        if (e.deltaY < 0) pinned.current = false;
      }}
      onTouchMove={() => {
        free();
        pinned.current = false;
      }}
      className="flex min-h-0 flex-1 flex-col overflow-x-hidden overflow-y-auto overscroll-contain [overflow-anchor:none] -outline-offset-2"
    >
      <div className="grow" />
      <div style={{ height: EDGE }} className="shrink-0">
        {w && rows.length > 0 && <Before room={room} w={w} />}
      </div>
      <Virtualizer
        key={id}
        ref={list}
        data={rows}
        shift={shift}
        startMargin={EDGE}
        onScroll={onScroll}
        onScrollEnd={() => setRested((n) => n + 1)}
        onResize={onResize}
      >
        {(row) => (
          <RowView
            key={row.key}
            room={room.id}
            row={row}
            marked={marked !== undefined && startOf(row) <= marked && marked <= (row.seq ?? 0)}
          />
        )}
      </Virtualizer>
      {w && rows.length > 0 && <After room={room} w={w} />}
    </div>
  );
}
