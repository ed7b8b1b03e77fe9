import { lazy, useEffect, useState } from "react";
import { language, useText } from "../i18n/i18n.ts";
import { api } from "../store/api.ts";
import { useStore, useStoreDispatch } from "../store/store.ts";
import { endedText } from "./endedText.ts";
import { Lazily } from "./Lazily.tsx";
import { unsentOf } from "./line.ts";
import { Skeleton } from "./Skeleton.tsx";
import { SignIn } from "./SignIn.tsx";
import { Unreachable } from "./Unreachable.tsx";
import { useSession } from "./useSession.ts";

// What only those who are signed in need. It is on its way while the server is asked who we are.
const loading = import("./SignedIn.tsx");
loading.catch(() => undefined); // told where it is shown
const SignedIn = lazy(async () => ({ default: (await loading).SignedIn }));

/** Signed in or not; the path stays what was asked for. */
export function App() {
  const text = useText(); // everything below is drawn anew in another language
  useEffect(() => {
    document.documentElement.lang = language();
  });
  const dispatch = useStoreDispatch();
  const session = useSession();
  const [note, setNote] = useState<string>();
  const [shown, setShown] = useState<string>(); // the id of whom the page was drawn for
  const unsent = useStore((s) => unsentOf(s.live));
  if ((session.is === "out" || session.is === "asked") && shown !== undefined) {
    setShown(undefined);
    // It has not been asked anew, as after signing out: the session has ended by itself.
    if (session.is === "out") setNote(endedText("app.ended.session", unsent));
  }
  if (session.is === "in" && shown !== session.user.id) {
    setShown(session.user.id);
    if (shown !== undefined) setNote(text("app.ended.otherUser"));
  }

  if (session.is === "asked") return <Skeleton />;
  if (session.is === "unknown") return <Unreachable />;
  if (session.is === "out" || note !== undefined)
    return (
      <SignIn
        note={note}
        other={session.is === "in" ? session.user : undefined}
        done={() => {
          setNote(undefined);
          // Answers to whoever was here before are not for who comes in: who that is, is asked, too.
          dispatch(api.util.resetApiState());
        }}
      />
    );
  return (
    <Lazily fallback={<Skeleton />}>
      <SignedIn key={session.user.id} user={session.user} ended={setNote} />
    </Lazily>
  );
}
