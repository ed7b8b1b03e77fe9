// Events as rows of the list: messages by author and day, joins of many as one.
import type { Pending, Sequenced } from "../live/live.ts";
import type { Refusal, User } from "../net/index.ts";

type Posted = Sequenced & { kind: "message.posted" };

interface Place {
  /** Also React's: an own message has the same before and after it is in the log. */
  readonly key: string;
  /** The event's, of several the newest's; a message that is not in the log has none. */
  readonly seq?: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** It is the first of its day. */
  readonly day: boolean;
  /** It is the first unread one. */
  readonly unread: boolean;
}
export interface MessageRow extends Place {
  readonly type: "message";
  readonly messageKey: string;
  readonly author: User;
  readonly body: string;
  readonly own: boolean;
  /** It shows its author; the following ones of the same author do not. */
  readonly lead: boolean;
  readonly state?: "pending" | "failed";
  readonly failed?: Refusal | undefined;
}
export interface SystemRow extends Place {
  readonly type: "system";
  readonly seq: number;
  readonly from: number;
  readonly events: readonly Sequenced[];
}
export type Row = MessageRow | SystemRow;

export interface Shown {
  readonly events: readonly Sequenced[];
  readonly pending: readonly Pending[];
  readonly me: User;
  /** The seq of the first unread event. */
  readonly divider?: number | undefined;
}

const TOGETHER = 5 * 60_000;

/** Rows that did not change are the same objects as the last time. */
export function rowsOf({ events, pending, me, divider }: Shown): Row[] {
  const rows: Row[] = [];
  let before: Row | undefined;
  for (let i = 0; i < events.length; i++) {
    const event = events[i];
    if (!event) break;
    const at = timeOf(event);
    const day = !before || dayOf(before.at) !== dayOf(at);
    const unread = event.seq === divider;
    let row: Row;
    if (event.kind === "message.posted") {
      row = messageRow(event, at, day, unread, me, before);
    } else {
      const run = runOf(event, events, i, divider);
      i += run.length - 1;
      row = systemRow(event, run, at, day, unread);
    }
    rows.push(row);
    before = row;
  }
  for (const p of pending) {
    const place = { at: p.written, day: !before || dayOf(before.at) !== dayOf(p.written), unread: false };
    const lead = leads(place, me, before);
    before = {
      type: "message",
      key: keyOfOwn(p.key),
      messageKey: p.key,
      author: me,
      body: p.body,
      own: true,
      lead,
      state: p.failed ? "failed" : "pending",
      failed: p.failed,
      ...place,
    };
    rows.push(before);
  }
  return rows;
}

/** The messages of a room's outbox that are not among its events yet. */
export function notIn(events: readonly Sequenced[], outbox: readonly Pending[], me: User): Pending[] {
  const end = events.at(-1)?.seq ?? 0;
  return outbox.filter(
    ({ key, seq }) =>
      !(seq !== undefined && seq <= end) &&
      !events.some((e) => e.kind === "message.posted" && e.key === key && e.actor.id === me.id),
  );
}

/** The first message of another between the two seqs, if the events reach back that far. */
export function firstUnread(
  events: readonly Sequenced[],
  me: User,
  readUpTo: number,
  end: number,
): number | undefined {
  const start = events[0]?.seq ?? 0;
  if (start === 0 || start > readUpTo + 1) return undefined;
  return events
    .slice(readUpTo + 1 - start)
    .find((e) => e.seq <= end && e.kind === "message.posted" && e.actor.id !== me.id)?.seq;
}

/** The index of the row that shows the event. */
export function indexOf(rows: readonly Row[], seq: number): number {
  return rows.findIndex((r) => r.seq !== undefined && r.seq >= seq && startOf(r) <= seq);
}

export function startOf(row: Row): number {
  return row.type === "system" ? row.from : (row.seq ?? Infinity);
}

const keyOfOwn = (key: string) => `own ${key}`;

const made = new WeakMap<Sequenced, Row>();

function messageRow(
  e: Posted,
  at: number,
  day: boolean,
  unread: boolean,
  me: User,
  before?: Row,
): MessageRow {
  const own = e.actor.id === me.id;
  const lead = leads({ at, day, unread }, e.actor, before);
  const old = made.get(e);
  if (
    old?.type === "message" &&
    old.lead === lead &&
    old.day === day &&
    old.unread === unread &&
    old.own === own
  )
    return old;
  const row: MessageRow = {
    type: "message",
    key: own ? keyOfOwn(e.key) : `seq ${e.seq}`,
    messageKey: e.key,
    seq: e.seq,
    author: e.actor,
    body: e.body,
    ...{ at, own, lead, day, unread },
  };
  made.set(e, row);
  return row;
}

function leads({ at, day, unread }: Omit<Place, "key" | "seq">, author: User, before?: Row): boolean {
  if (day || unread || before?.type !== "message" || before.author.id !== author.id) return true;
  return Math.abs(at - before.at) > TOGETHER;
}

// Keyed by its newest event: then a run keeps its key when older pages lengthen it.
function systemRow(
  first: Sequenced,
  events: readonly Sequenced[],
  at: number,
  day: boolean,
  unread: boolean,
): SystemRow {
  const newest = events.at(-1) ?? first;
  const from = first.seq;
  const old = made.get(newest);
  if (old?.type === "system" && old.from === from && old.day === day && old.unread === unread) return old;
  const row: SystemRow = {
    type: "system",
    key: `seq ${newest.seq}`,
    seq: newest.seq,
    from,
    events,
    at,
    day,
    unread,
  };
  made.set(newest, row);
  return row;
}

function runOf(first: Sequenced, events: readonly Sequenced[], start: number, divider?: number) {
  let end = start + 1;
  const follows = (e?: Sequenced) =>
    joinedAlone(e) && e.seq !== divider && dayOf(timeOf(e)) === dayOf(timeOf(first));
  if (joinedAlone(first)) while (follows(events[end])) end++;
  return events.slice(start, end);
}

const joinedAlone = (e?: Sequenced): e is Sequenced =>
  e?.kind === "member.joined" && e.actor.id === e.user.id;

const times = new WeakMap<Sequenced, number>();
function timeOf(e: Sequenced): number {
  let t = times.get(e);
  if (t === undefined) times.set(e, (t = Date.parse(e.at) || 0));
  return t;
}

// Asked for each row at each batch; an answer holds for its quarter of an hour, as time zones do.
const days = new Map<number, number>();
export function dayOf(at: number): number {
  const quarter = Math.floor(at / 900_000);
  let day = days.get(quarter);
  if (day === undefined) days.set(quarter, (day = new Date(at).setHours(0, 0, 0, 0)));
  return day;
}
