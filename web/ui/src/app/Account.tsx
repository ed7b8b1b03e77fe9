import { useId, useState } from "react";
import { Back } from "./Back.tsx";
import type { Key } from "../i18n/en.ts";
import { useText } from "../i18n/i18n.ts";
import { NotificationsSwitch } from "../pwa/NotificationsSwitch.tsx";
import { useLive } from "../store/useLive.ts";
import { LanguageChoice, selectClass } from "./LanguageChoice.tsx";
import { Sessions } from "./Sessions.tsx";
import { setTheme, type Theme, theme, themes } from "./theme.ts";
import { Button } from "./ui.tsx";
import { useCopy } from "./useCopy.tsx";

const themeKeys: Record<Theme, Key> = {
  system: "app.theme.system",
  light: "app.theme.light",
  dark: "app.theme.dark",
};

/** Who one is, how the app looks, and where one is signed in. */
export default function Account() {
  const text = useText();
  const { user } = useLive();
  const id = useCopy();
  return (
    <>
      <header className="flex min-h-14 shrink-0 items-center gap-1 border-b border-line px-2 pt-[env(safe-area-inset-top)] md:pl-4">
        <Back />
        <h1 className="text-base font-semibold">{text("app.account")}</h1>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto">
        <div className="mx-auto flex max-w-2xl flex-col gap-8 p-4 pb-12 md:p-6">
          <section>
            <p className="text-lg font-semibold">
              <bdi>{user.name}</bdi>
            </p>
            <p className="text-muted">{text(user.guest ? "app.guestHint" : "app.accountHint")}</p>
            <p className="mt-3 mb-1 text-sm font-medium">{text("app.id")}</p>
            <div className="flex flex-wrap items-center gap-2">
              <code className="rounded bg-code px-2 py-1 text-sm break-all">{user.id}</code>
              <Button onClick={() => id.copy(user.id)}>{text("app.copy")}</Button>
              {id.said}
            </div>
            <p className="mt-1 text-sm text-muted">{text("app.idHint")}</p>
          </section>
          <section className="flex flex-col gap-3">
            <h2 className="font-semibold">{text("app.settings")}</h2>
            <ThemeChoice />
            <LanguageChoice />
            <NotificationsSwitch />
          </section>
          <Sessions />
        </div>
      </div>
    </>
  );
}

function ThemeChoice() {
  const text = useText();
  const id = useId();
  const [chosen, setChosen] = useState(theme);
  return (
    <div className="flex items-center gap-3">
      <label htmlFor={id} className="min-w-24 text-sm text-muted">
        {text("app.theme")}
      </label>
      <select
        id={id}
        className={selectClass}
        value={chosen}
        onChange={(e) => {
          const t = e.target.value as Theme;
          setTheme(t);
          setChosen(t);
        }}
      >
        {themes.map((t) => (
          <option key={t} value={t}>
            {text(themeKeys[t])}
          </option>
        ))}
      </select>
    </div>
  );
}
