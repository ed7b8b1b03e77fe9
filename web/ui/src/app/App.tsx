import { useEffect, useState } from "react";
import { language, useText } from "../i18n/i18n.ts";
import { Skeleton } from "./Skeleton.tsx";
import { SignedIn } from "./SignedIn.tsx";
import { SignIn } from "./SignIn.tsx";
import { Unreachable } from "./Unreachable.tsx";
import { useSession } from "./useSession.ts";

/** Signed in or not; the path stays what was asked for. */
export function App() {
  useText(); // everything below is drawn anew in another language
  useEffect(() => {
    document.documentElement.lang = language();
  });
  const session = useSession();
  const [note, setNote] = useState<string>();

  if (session.is === "asked") return <Skeleton />;
  if (session.is === "unknown") return <Unreachable />;
  if (session.is === "out" || note !== undefined)
    return (
      <SignIn
        note={note}
        other={session.is === "in" ? session.user : undefined}
        done={() => setNote(undefined)}
      />
    );
  return <SignedIn key={session.user.id} user={session.user} ended={setNote} />;
}
