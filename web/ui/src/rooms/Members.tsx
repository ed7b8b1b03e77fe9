import { useState } from "react";
import { Dialog } from "../app/Dialog.tsx";
import { problemText } from "../app/problemText.ts";
import { Alert, Button } from "../app/ui.tsx";
import type { Key } from "../i18n/en.ts";
import { useText } from "../i18n/i18n.ts";
import { type Member, type Room, useLeaveMutation, useMembersQuery } from "../store/api.ts";
import { useLive } from "../store/useLive.ts";
import { AddMember } from "./AddMember.tsx";

const roles: Partial<Record<string, Key>> = {
  owner: "rooms.role.owner",
  moderator: "rooms.role.moderator",
};

/** Who is in a room; who moderates it adds and removes others. */
export default function Members({ room, close }: { room: Room; close: () => void }) {
  const text = useText();
  const { user } = useLive();
  const { data, error, isLoading } = useMembersQuery(room.id, { refetchOnMountOrArgChange: true });
  const members = data?.members ?? [];
  const own = members.find((m) => m.user.id === user.id)?.role;
  const moderates = own === "owner" || own === "moderator";
  return (
    <Dialog title={text("rooms.membersOf", { room: room.name })} close={close}>
      <div className="flex min-h-40 flex-col gap-3">
        {moderates && <AddMember room={room} members={members} />}
        {error !== undefined && <Alert>{problemText(error)}</Alert>}
        {isLoading && <p className="text-muted">{text("app.loading")}</p>}
        <ul>
          {members.map((m) => (
            <Row
              key={m.user.id}
              room={room.id}
              member={m}
              self={m.user.id === user.id}
              removable={moderates && m.user.id !== user.id && m.role !== "owner"}
            />
          ))}
        </ul>
      </div>
    </Dialog>
  );
}

interface RowProps {
  room: string;
  member: Member;
  self: boolean;
  removable: boolean;
}

function Row({ room, member: { user, role }, self, removable }: RowProps) {
  const text = useText();
  const [remove, { isLoading, error }] = useLeaveMutation();
  const [asking, setAsking] = useState(false);
  const roleKey = roles[role];
  const words = [roleKey && text(roleKey), user.guest && text("app.guest"), self && text("rooms.you")].filter(
    (w) => typeof w === "string",
  );
  return (
    <li className="border-b border-line py-1 last:border-0 [contain-intrinsic-size:auto_2.75rem] [content-visibility:auto]">
      <div className="flex min-h-9 items-center gap-2">
        <bdi className="min-w-0 truncate font-medium">{user.name}</bdi>
        <span className="flex-1 text-sm whitespace-nowrap text-muted">{words.join(" · ")}</span>
        {removable && !asking && (
          <Button aria-label={text("rooms.removeWho", { name: user.name })} onClick={() => setAsking(true)}>
            {text("rooms.remove")}
          </Button>
        )}
        {asking && (
          <>
            <Button autoFocus onClick={() => setAsking(false)}>
              {text("app.cancel")}
            </Button>
            <Button kind="danger" disabled={isLoading} onClick={() => void remove({ room, user: user.id })}>
              {text("rooms.removeNow")}
            </Button>
          </>
        )}
      </div>
      {error !== undefined && <Alert>{problemText(error)}</Alert>}
    </li>
  );
}
