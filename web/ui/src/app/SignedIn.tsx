import { useCallback, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { useText } from "../i18n/i18n.ts";
import type { Live } from "../live/live.ts";
import type { User } from "../net/index.ts";
import { Background } from "../pwa/Background.tsx";
import { api, problem, useEndSessionMutation } from "../store/api.ts";
import { live as slice } from "../store/live.ts";
import { useStore, useStoreDispatch } from "../store/store.ts";
import { LiveContext } from "../store/useLive.ts";
import { Layout } from "./Layout.tsx";
import { endedText } from "./endedText.ts";
import { unsentOf } from "./line.ts";
import { forgetUser } from "./remembered.ts";
import { Skeleton } from "./Skeleton.tsx";
import { useLiveOf } from "./useLiveOf.ts";

interface SignedInProps {
  user: User;
  /** One has to sign in again: why. */
  ended: (why: string) => void;
}

/** The app of one user, from signing in to signing out. */
export function SignedIn({ user: given, ended }: SignedInProps) {
  const [user] = useState(given); // not another object for the same user
  const live = useLiveOf(user);
  const signOut = useSignOut(live, ended);
  if (!live) return <Skeleton />;
  return (
    <LiveContext value={live}>
      <Layout signOut={signOut} />
      <Background />
    </LiveContext>
  );
}

/** Returns how to sign out, and does what is to be done when the session ends by itself. */
function useSignOut(live: Live | undefined, ended: (why: string) => void): () => Promise<void> {
  const text = useText();
  const dispatch = useStoreDispatch();
  const [, navigate] = useLocation();
  const [endSession] = useEndSessionMutation();
  const [leaving, setLeaving] = useState(false);
  const why = useStore((s) => (s.live.status === "ended" ? s.live.ended : undefined));
  const unsent = useStore((s) => unsentOf(s.live));

  const forget = useCallback(() => {
    forgetUser(live?.user.id);
    dispatch(slice.actions.signedOut());
    dispatch(api.util.resetApiState());
  }, [dispatch, live]);

  useEffect(() => {
    if (leaving || (why !== "session ended" && why !== "other user")) return;
    ended(endedText(why === "session ended" ? "app.ended.session" : "app.ended.otherUser", unsent));
    forget();
  }, [leaving, why, unsent, text, ended, forget]);

  return async () => {
    setLeaving(true);
    try {
      await endSession("current").unwrap();
    } catch (err) {
      if (problem(err).code !== "unauthenticated") {
        setLeaving(false);
        throw err;
      }
    }
    await live?.erase();
    navigate("/"); // where one was is not for who comes next
    forget();
  };
}
