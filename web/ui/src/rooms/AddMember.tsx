import { useEffect, useState } from "react";
import { problemText } from "../app/problemText.ts";
import { Alert, Button, Field } from "../app/ui.tsx";
import { useText } from "../i18n/i18n.ts";
import type { User } from "../net/index.ts";
import { api, type Member, type Room, useJoinMutation } from "../store/api.ts";
import { useStore, useStoreDispatch } from "../store/store.ts";
import { useRooms } from "./useRooms.ts";
import { known, matchingPeople } from "./people.ts";

const asking = 10; // rooms whose members are asked for, to know people

/** Adds somebody whom this browser has met in another room, or whose id one was told. */
export function AddMember({ room, members }: { room: Room; members: readonly Member[] }) {
  const text = useText();
  const [who, setWho] = useState("");
  const [join, { isLoading, error, originalArgs }] = useJoinMutation();
  const asked = useStore((s) => s.api);
  const live = useStore((s) => s.live);
  const dispatch = useStoreDispatch();
  const { mine } = useRooms();
  useEffect(() => {
    for (const r of mine.slice(0, asking))
      void dispatch(api.endpoints.members.initiate(r.id, { subscribe: false }));
  }, [dispatch, mine]);
  const found = who.trim() === "" ? [] : matchingPeople(known({ api: asked, live }), members, who);
  const add = async (user: string) => {
    const added = await join({ room: room.id, user });
    if (!added.error) setWho("");
  };
  return (
    <form
      className="flex flex-col gap-2 border-b border-line pb-4"
      onSubmit={(e) => {
        e.preventDefault();
        const only = found.length === 1 ? found[0]?.id : undefined;
        if (who.trim() !== "") void add(only ?? who.trim());
      }}
    >
      <Field
        label={text("rooms.add")}
        autoComplete="off"
        spellCheck={false}
        placeholder={text("rooms.addPlaceholder")}
        value={who}
        onChange={(e) => setWho(e.target.value)}
      />
      <p className="text-sm text-muted">{text("rooms.addHint")}</p>
      {found.map((u) => (
        <Person key={u.id} user={u} busy={isLoading} add={() => void add(u.id)} />
      ))}
      {found.length === 0 && who.trim() !== "" && (
        <Button type="submit" disabled={isLoading}>
          {text("rooms.addById", { id: who.trim() })}
        </Button>
      )}
      {error !== undefined && originalArgs?.room === room.id && (
        <Alert>{problemText(error, { not_found: "rooms.nobody" })}</Alert>
      )}
    </form>
  );
}

function Person({ user, busy, add }: { user: User; busy: boolean; add: () => void }) {
  const text = useText();
  return (
    <div className="flex min-h-9 items-center gap-2">
      <bdi className="min-w-0 truncate font-medium">{user.name}</bdi>
      <span className="flex-1 text-sm text-muted">{user.guest && text("app.guest")}</span>
      <Button aria-label={text("rooms.addWho", { name: user.name })} disabled={busy} onClick={add}>
        {text("rooms.addNow")}
      </Button>
    </div>
  );
}
