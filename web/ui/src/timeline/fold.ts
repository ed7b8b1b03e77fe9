const LINES = 20;
const CHARACTERS = 2000;

/** The beginning of a long text; nothing when it is short enough to be shown. */
export function fold(text: string): string | undefined {
  let end = -1;
  for (let line = 0; line < LINES; line++) {
    end = text.indexOf("\n", end + 1);
    if (end < 0) break;
  }
  if (end < 0 && text.length <= CHARACTERS) return undefined;
  const cut = Math.min(end < 0 ? text.length : end, CHARACTERS);
  // Not through the middle of a character that is two code units.
  const whole = /[\uD800-\uDBFF]/.test(text.charAt(cut - 1)) ? cut - 1 : cut;
  return `${text.slice(0, whole)}…`;
}
