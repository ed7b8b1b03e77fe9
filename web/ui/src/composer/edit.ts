import type { Edit } from "./text.ts";

/** Makes the change as if it was typed: undo takes it back, and React hears of it. */
export function apply(field: HTMLTextAreaElement, edit: Edit): void {
  field.focus();
  field.setSelectionRange(edit.start, edit.end);
  // Deprecated, and the only way that keeps the history of undo.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  if (!document.execCommand("insertText", false, edit.text)) {
    field.setRangeText(edit.text, edit.start, edit.end, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  field.setSelectionRange(...edit.select);
}
