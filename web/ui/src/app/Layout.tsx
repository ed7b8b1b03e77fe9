import { lazy, useState } from "react";
import { Route, Switch, useLocation, useRoute } from "wouter";
import { useText } from "../i18n/i18n.ts";
import { roomAt } from "../rooms/path.ts";
import { RoomList } from "../rooms/RoomList.tsx";
import { RoomPage } from "../rooms/RoomPage.tsx";
import { useFollowing } from "../rooms/useRooms.ts";
import { Foot } from "./Foot.tsx";
import { Lazily } from "./Lazily.tsx";
import { LineBanner } from "./LineBanner.tsx";
import { NotFound, Welcome } from "./Plain.tsx";
import { useShortcuts } from "./useShortcuts.ts";

const Account = lazy(() => import("./Account.tsx"));
const Diagnostics = lazy(() => import("../diagnostics/Diagnostics.tsx"));
const Shortcuts = lazy(() => import("./Shortcuts.tsx"));

/** The rooms beside what is open; on a phone one or the other. */
export function Layout({ signOut }: { signOut: () => Promise<void> }) {
  const text = useText();
  const [atRooms] = useRoute("/");
  const [path] = useLocation();
  const [dialog, setDialog] = useState<"connection" | "shortcuts">();
  const open = roomAt(path);
  useFollowing(open);
  useShortcuts(open, () => setDialog("shortcuts"));

  // On a phone at "/" the main part is still there, for those who hear the page.
  return (
    <div className="relative flex h-dvh overflow-hidden pr-[env(safe-area-inset-right)] pl-[env(safe-area-inset-left)] short:has-data-pill:pt-6">
      <a
        href="#main"
        className="absolute -top-20 left-2 z-30 rounded-md bg-accent px-3 py-2 text-on-accent focus:top-2"
        onClick={(e) => {
          e.preventDefault();
          (
            document.querySelector<HTMLElement>("#main [role=log]") ?? document.getElementById("main")
          )?.focus();
        }}
      >
        {text("app.skip")}
      </a>
      <nav
        aria-label={text("rooms.title")}
        className={`${atRooms ? "flex" : "hidden"} w-full shrink-0 flex-col border-line bg-side md:flex md:w-72 md:border-r`}
      >
        <RoomList open={open} />
        <Foot
          signOut={signOut}
          showConnection={() => setDialog("connection")}
          showShortcuts={() => setDialog("shortcuts")}
        />
      </nav>
      <main
        id="main"
        tabIndex={-1}
        className={`${atRooms ? "max-md:sr-only" : ""} flex min-w-0 flex-1 flex-col outline-none [&_.body]:max-w-3xl`}
      >
        <Lazily>
          <Switch>
            <Route path="/">
              <Welcome />
            </Route>
            <Route path="/rooms/:room/:seq?">
              {({ room, seq }) => <RoomPage key={room} id={open ?? room} at={place(seq)} />}
            </Route>
            <Route path="/account">
              <Account />
            </Route>
            <Route>
              <NotFound title={text("app.noPage")} />
            </Route>
          </Switch>
        </Lazily>
      </main>
      <LineBanner />
      <Lazily>
        {dialog === "connection" && <Diagnostics close={() => setDialog(undefined)} />}
        {dialog === "shortcuts" && <Shortcuts close={() => setDialog(undefined)} />}
      </Lazily>
    </div>
  );
}

/** The seq of a path, if it is one. */
function place(seq: string | undefined): number | undefined {
  const n = Number(seq);
  return Number.isSafeInteger(n) && n > 0 ? n : undefined;
}
