import { type SyntheticEvent, useState } from "react";
import type { Key } from "../i18n/en.ts";
import { useText } from "../i18n/i18n.ts";
import type { User } from "../net/index.ts";
import { problem, useSignInGuestMutation, useSignInMutation, useSignUpMutation } from "../store/api.ts";
import { LanguageChoice } from "./LanguageChoice.tsx";
import { problemText } from "./problemText.ts";
import { Alert, Button, Field } from "./ui.tsx";

interface SignInProps {
  /** Why one has to sign in again. */
  note?: string | undefined;
  /** Who is signed in by now, after another one was. */
  other?: User | undefined;
  done: () => void;
}

type Way = "in" | "up" | "guest";
const ways: Record<string, Way> = { up: "up", guest: "guest" };
const own: Partial<Record<string, Key>> = {
  unauthenticated: "app.signIn.wrong",
  conflict: "app.signIn.taken",
};
const leastPassword = 8; // bytes, as the server counts

/** The one form for all ways in. */
export function SignIn({ note, other, done }: SignInProps) {
  const text = useText();
  const [signUp] = useSignUpMutation();
  const [signIn] = useSignInMutation();
  const [signInGuest] = useSignInGuestMutation();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState<string>();
  const [busy, setBusy] = useState(false);

  function missing(way: Way): string | undefined {
    if (name.trim() === "") return text("app.signIn.nameMissing");
    if (way === "guest") return undefined;
    if (password === "") return text("app.signIn.passwordMissing");
    if (way === "up" && new TextEncoder().encode(password).length < leastPassword)
      return text("app.signIn.passwordShort", { count: leastPassword });
    return undefined;
  }

  async function enter(way: Way) {
    const lacks = missing(way);
    setWrong(lacks);
    if (lacks !== undefined) return;
    setBusy(true);
    const error = await ask(way);
    setBusy(false);
    if (error === undefined) done();
    else setWrong(problemText(error, own));
  }

  /** Returns what went wrong, if anything did. */
  async function ask(way: Way): Promise<unknown> {
    const who = { name: name.trim(), password };
    if (way === "guest") return (await signInGuest({ name: who.name })).error;
    const refused = way === "up" ? (await signUp(who)).error : undefined;
    // A name that is taken may be one's own, by a try of which only the first half was done.
    if (refused && problem(refused).code !== "conflict") return refused;
    const { error } = await signIn(who);
    return refused && error && problem(error).code === "unauthenticated" ? refused : error;
  }

  function submit(e: SyntheticEvent<HTMLFormElement, SubmitEvent>) {
    e.preventDefault();
    const by = e.nativeEvent.submitter;
    void enter(by instanceof HTMLButtonElement ? (ways[by.value] ?? "in") : "in");
  }

  return (
    <main className="flex min-h-full flex-col items-center justify-center gap-6 bg-side p-4 pb-[max(1rem,env(safe-area-inset-bottom))]">
      <form
        onSubmit={submit}
        className="flex w-full max-w-sm flex-col gap-4 rounded-xl border border-line bg-raised p-6 shadow-sm"
      >
        <div>
          <h1 className="text-2xl font-semibold">{text("app.name")}</h1>
          <p className="text-muted">{text("app.signIn.intro")}</p>
        </div>
        {note !== undefined && (
          <p className="rounded-md bg-warn-ground px-3 py-2 text-sm text-warn">{note}</p>
        )}
        {other && (
          <Button kind="primary" onClick={done}>
            {text("app.signIn.goOn", { name: other.name })}
          </Button>
        )}
        <Field
          label={text("app.signIn.name")}
          name="name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={64}
          value={name}
          onChange={(e) => setName(e.target.value)}
        />
        <Field
          label={text("app.signIn.password")}
          hint={text("app.signIn.passwordHint", { count: leastPassword })}
          name="password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={(e) => setPassword(e.target.value)}
        />
        {wrong !== undefined && <Alert>{wrong}</Alert>}
        <div className="flex flex-col gap-2">
          <Button type="submit" kind="primary" value="in" disabled={busy}>
            {text("app.signIn.in")}
          </Button>
          <Button type="submit" value="up" disabled={busy}>
            {text("app.signIn.up")}
          </Button>
          <Button type="submit" value="guest" disabled={busy}>
            {text("app.signIn.guest")}
          </Button>
        </div>
      </form>
      <LanguageChoice />
    </main>
  );
}
