import { Link } from "wouter";
import { language, useText } from "../i18n/i18n.ts";
import { useNow } from "./useNow.ts";
import { ago, exact, timeOfDay } from "./when.ts";

interface WhenProps {
  at: number;
  /** Only the time of day: its day stands above. */
  short?: boolean;
  /** Where the message is; one that is not in the log is nowhere. */
  href?: string | undefined;
  className?: string;
}

/** When it was, in words; the exact time on hover. The time of a message is the link to it. */
export function When({ at, short = false, href, className = "" }: WhenProps) {
  useText();
  const now = useNow();
  const words = short ? timeOfDay(at, language()) : ago(at, now, language());
  const time = (
    <time dateTime={new Date(at).toISOString()} title={exact(at, language())}>
      {words}
    </time>
  );
  const look = `text-xs text-muted ${className}`;
  if (href === undefined) return <span className={look}>{time}</span>;
  return (
    <Link href={href} className={`${look} hover:underline`}>
      {time}
    </Link>
  );
}
