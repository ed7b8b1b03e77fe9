// Times in words of the app's language.
import { dayOf } from "./rows.ts";

const MINUTE = 60_000;

function kept<F>(make: (language: string) => F): (language: string) => F {
  const formats = new Map<string, F>();
  return (language) => {
    let f = formats.get(language);
    if (!f) formats.set(language, (f = make(language)));
    return f;
  };
}
const relative = kept((l) => new Intl.RelativeTimeFormat(l, { numeric: "auto" }));
const minutes = kept(
  (l) => new Intl.NumberFormat(l, { style: "unit", unit: "minute", unitDisplay: "short" }),
);
const clock = kept(
  (l) => new Intl.DateTimeFormat(l, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
);
const date = kept((l) => new Intl.DateTimeFormat(l, { day: "numeric", month: "short" }));
const dateOfYear = kept((l) => new Intl.DateTimeFormat(l, { dateStyle: "medium" }));
const longDate = kept((l) => new Intl.DateTimeFormat(l, { weekday: "long", day: "numeric", month: "long" }));
const longDateOfYear = kept((l) => new Intl.DateTimeFormat(l, { dateStyle: "full" }));
const full = kept((l) => new Intl.DateTimeFormat(l, { dateStyle: "full", timeStyle: "medium" }));

/** "now", "5 min", "14:03", "yesterday", "21 Nov". */
export function ago(at: number, now: number, language: string): string {
  const age = now - at;
  if (age < MINUTE) return relative(language).format(0, "second");
  if (age < 60 * MINUTE) return minutes(language).format(Math.floor(age / MINUTE));
  if (dayOf(at) === dayOf(now)) return clock(language).format(at);
  if (dayOf(at) === dayBefore(now)) return relative(language).format(-1, "day");
  return (sameYear(at, now) ? date : dateOfYear)(language).format(at);
}

/** "today", "yesterday", "Saturday, 21 November". */
export function dayName(at: number, now: number, language: string): string {
  if (dayOf(at) === dayOf(now)) return relative(language).format(0, "day");
  if (dayOf(at) === dayBefore(now)) return relative(language).format(-1, "day");
  return (sameYear(at, now) ? longDate : longDateOfYear)(language).format(at);
}

export const timeOfDay = (at: number, language: string): string => clock(language).format(at);
export const exact = (at: number, language: string): string => full(language).format(at);

const dayBefore = (now: number) => dayOf(dayOf(now) - 12 * 60 * MINUTE);
const sameYear = (a: number, b: number) => new Date(a).getFullYear() === new Date(b).getFullYear();
