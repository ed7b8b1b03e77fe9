import { SendHorizontal } from "lucide-react";
import { type KeyboardEvent, useId } from "react";
import { useText } from "../i18n/i18n.ts";
import type { Room } from "../store/api.ts";
import { useStore } from "../store/store.ts";
import { useLive } from "../store/useLive.ts";
import { apply } from "./edit.ts";
import { EmojiList } from "./EmojiList.tsx";
import { Limit } from "./Limit.tsx";
import { bytes, clean, mark, visible } from "./text.ts";
import { useDraft } from "./useDraft.ts";
import { useEmoji } from "./useEmoji.ts";
import { useGrowing } from "./useGrowing.ts";

/** Where a member writes. */
export function Composer({ room }: { room: Room }) {
  return <Field key={room.id} room={room} />;
}

const MARKS: Record<string, string> = { b: "**", i: "_", e: "`" };

function Field({ room }: { room: Room }) {
  const t = useText();
  const live = useLive();
  const limit = useStore((s) => s.live.maxBody);
  const [text, write] = useDraft(live.user.id, room.id);
  const field = useGrowing(text);
  const emoji = useEmoji(field);
  const id = useId();

  const body = clean(text);
  const used = bytes(body);
  const sendable = used <= limit && visible(body);

  const send = () => {
    if (!sendable) return;
    live.send(room.id, body);
    write("");
    emoji.close();
    field.current?.focus();
  };

  const key = (e: KeyboardEvent<HTMLTextAreaElement>) => {
    // Safari ends the composition before the Enter that did it, and marks that one by 229.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    if (e.nativeEvent.isComposing || e.keyCode === 229) return;
    const command = e.ctrlKey || e.metaKey;
    const m = command && !e.altKey && !e.shiftKey ? MARKS[e.key.toLowerCase()] : undefined;
    if (m !== undefined) {
      const f = e.currentTarget;
      apply(f, mark(f.value, f.selectionStart, f.selectionEnd, m));
    } else if (emoji.key(e)) {
      // the list took it
    } else if (e.key === "Enter" && !e.shiftKey && !e.altKey && (command || !touch())) {
      send();
    } else {
      return;
    }
    e.preventDefault();
  };

  const list = `${id}-emoji`;
  const chosen = emoji.found.length > 0;
  return (
    <form
      className="relative shrink-0 border-t border-line bg-ground px-3 py-2 pb-[max(0.5rem,env(safe-area-inset-bottom))]"
      onSubmit={(e) => {
        e.preventDefault();
        send();
      }}
    >
      <EmojiList id={list} suggestions={emoji} />
      <div className="flex items-end gap-2">
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          value={text}
          aria-label={t("composer.message", { room: room.name })}
          aria-autocomplete="list"
          aria-controls={chosen ? list : undefined}
          aria-activedescendant={chosen ? `${list}-${emoji.at}` : undefined}
          aria-describedby={`${id}-limit`}
          aria-invalid={used > limit}
          placeholder={t("composer.message", { room: room.name })}
          enterKeyHint={touch() ? "enter" : "send"}
          maxLength={limit * 4} // what was pasted by mistake does not stop the page
          onChange={(e) => {
            write(e.currentTarget.value);
            emoji.typed(e.currentTarget);
          }}
          onKeyDown={key}
          onBlur={emoji.close}
          className="field-sizing-content max-h-[40dvh] min-h-10 min-w-0 flex-1 resize-none rounded border border-line bg-ground px-3 py-2 wrap-anywhere placeholder:text-muted placeholder:truncate"
        />
        <button
          type="submit"
          aria-label={t("composer.send")}
          disabled={!sendable}
          className="grid size-10 shrink-0 place-items-center rounded bg-accent text-on-accent disabled:bg-hover disabled:text-muted"
        >
          <SendHorizontal size={18} aria-hidden className="rtl:-scale-x-100" />
        </button>
      </div>
      <Limit id={`${id}-limit`} used={used} limit={limit} />
    </form>
  );
}

/** On a phone Enter breaks the line, as its keyboard has no Shift+Enter; the button sends. */
function touch(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}
