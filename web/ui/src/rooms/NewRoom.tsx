import { type SyntheticEvent, useState } from "react";
import { useLocation } from "wouter";
import { Dialog } from "../app/Dialog.tsx";
import { problemText } from "../app/problemText.ts";
import { Alert, Button, Field } from "../app/ui.tsx";
import { useText } from "../i18n/i18n.ts";
import { newKeys } from "../net/index.ts";
import { useCreateRoomMutation, type Visibility } from "../store/api.ts";
import { roomPath } from "./path.ts";

const newKey = newKeys(Date.now);

/** Makes a room and goes there. */
export default function NewRoom({ close }: { close: () => void }) {
  const text = useText();
  const [, navigate] = useLocation();
  const [create, { error, isLoading }] = useCreateRoomMutation();
  const [name, setName] = useState("");
  const [visibility, setVisibility] = useState<Visibility>("public");
  // One key for one room: a second try after a lost answer does not make a second room.
  const [asked, setAsked] = useState({ for: "", key: "" });

  async function submit(e: SyntheticEvent) {
    e.preventDefault();
    const what = { name: name.trim(), visibility };
    const same = asked.for === JSON.stringify(what);
    const key = same ? asked.key : newKey();
    if (!same) setAsked({ for: JSON.stringify(what), key });
    const made = await create({ ...what, key });
    if (!made.data) return;
    navigate(roomPath(made.data.room.id));
    close();
  }

  return (
    <Dialog title={text("rooms.new")} close={close}>
      <form className="flex flex-col gap-4" onSubmit={(e) => void submit(e)}>
        <Field
          label={text("rooms.name")}
          data-autofocus
          required
          maxLength={64}
          autoComplete="off"
          value={name}
          onChange={(e) => setName(e.target.value)}
        />
        <fieldset className="flex flex-col gap-1">
          <legend className="mb-1 text-sm font-medium">{text("rooms.visibility")}</legend>
          <Choice value="public" hint={text("rooms.publicHint")} chosen={visibility} choose={setVisibility}>
            {text("rooms.public")}
          </Choice>
          <Choice value="private" hint={text("rooms.privateHint")} chosen={visibility} choose={setVisibility}>
            {text("rooms.private")}
          </Choice>
        </fieldset>
        {error !== undefined && <Alert>{problemText(error)}</Alert>}
        <Button type="submit" kind="primary" disabled={isLoading || name.trim() === ""}>
          {text("rooms.create")}
        </Button>
      </form>
    </Dialog>
  );
}

interface ChoiceProps {
  value: Visibility;
  chosen: Visibility;
  choose: (v: Visibility) => void;
  hint: string;
  children: string;
}

function Choice({ value, chosen, choose, hint, children }: ChoiceProps) {
  const id = `visibility-${value}`;
  return (
    <div className="flex items-start gap-2 py-1">
      <input
        id={id}
        type="radio"
        name="visibility"
        className="mt-1 size-4 accent-accent"
        aria-describedby={`${id}-hint`}
        checked={value === chosen}
        onChange={() => choose(value)}
      />
      <div>
        <label htmlFor={id} className="font-medium">
          {children}
        </label>
        <p id={`${id}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      </div>
    </div>
  );
}
