import { useText } from "../i18n/i18n.ts";
import type { Suggestions } from "./useEmoji.ts";

/** The suggestions, above the field. The focus stays in the field, which names the chosen one. */
export function EmojiList({ id, suggestions }: { id: string; suggestions: Suggestions }) {
  const t = useText();
  const { found, at, pick } = suggestions;
  return (
    <>
      <p role="status" className="sr-only">
        {found.length > 0 && t("composer.suggestions", { count: found.length })}
      </p>
      {found.length > 0 && (
        <ul
          id={id}
          role="listbox"
          aria-label={t("composer.emoji")}
          className="absolute bottom-full start-2 z-10 mb-1 w-72 max-w-[calc(100%-1rem)] overflow-hidden rounded border border-line bg-raised py-1 shadow-lg"
        >
          {found.map((e, i) => (
            <li
              key={e.name}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === at}
              // The field must not lose the focus.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => pick(e)}
              className={`flex min-h-8 cursor-pointer items-center gap-2 px-3 ${i === at ? "bg-hover" : "hover:bg-hover"}`}
            >
              <span aria-hidden className="text-lg">
                {e.emoji}
              </span>
              <span className="truncate">:{e.name}:</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
