import { Link } from "wouter";
import { useText } from "../i18n/i18n.ts";

/** Beside the list, when no room is open. */
export function Welcome() {
  const text = useText();
  return (
    <div className="m-auto max-w-md p-6 text-center">
      <h1 className="mb-2 text-xl font-semibold">{text("app.welcome.title")}</h1>
      <p className="text-muted">{text("app.welcome.text")}</p>
    </div>
  );
}

/** There is nothing at this path, or one may not see it. */
export function NotFound({ title, hint }: { title: string; hint?: string }) {
  const text = useText();
  return (
    <div className="m-auto max-w-md p-6 text-center">
      <h1 className="mb-2 text-xl font-semibold">{title}</h1>
      {hint !== undefined && <p className="mb-4 text-muted">{hint}</p>}
      <Link href="/" className="inline-block py-2 text-accent underline">
        {text("rooms.back")}
      </Link>
    </div>
  );
}
