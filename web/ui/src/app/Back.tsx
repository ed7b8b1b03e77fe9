import { ArrowLeft } from "lucide-react";
import { Link } from "wouter";
import { useText } from "../i18n/i18n.ts";

/** Back to the list of rooms, which only wide screens show beside what is open. */
export function Back() {
  const text = useText();
  return (
    <Link
      href="/"
      aria-label={text("rooms.back")}
      className="flex size-9 shrink-0 items-center justify-center rounded-md hover:bg-hover md:hidden"
    >
      <ArrowLeft size={20} aria-hidden />
    </Link>
  );
}
