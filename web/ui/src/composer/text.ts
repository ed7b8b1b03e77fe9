// What is done to a text that is being written; knows neither React nor the page.

/** As the server takes it: control characters but tab and line feed are dropped, half emoji are holes. */
export function clean(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\n\t]/gu, "")
    .replace(/\p{Cs}/gu, "\ufffd")
    .replace(/^(?:[^\S\n]*\n)+/, "")
    .trimEnd();
}

/** Whether there is something to see in it; the server refuses what is blank (CheckBody). */
export function visible(text: string): boolean {
  return /[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}\u2800\u{1d159}]/u.test(text);
}

const encoder = new TextEncoder();

/** Its length where the limit counts: bytes of UTF-8. */
export function bytes(text: string): number {
  return encoder.encode(text).length;
}

/** A change: what stands between the two places is replaced by `text`; then `select` is selected. */
export interface Edit {
  start: number;
  end: number;
  text: string;
  select: [number, number];
}

/** Puts marks around what is selected, or takes them away. */
export function mark(text: string, start: number, end: number, m: string): Edit {
  const selected = text.slice(start, end);
  const inside = selected.length >= 2 * m.length && selected.startsWith(m) && selected.endsWith(m);
  if (inside) {
    const bare = selected.slice(m.length, -m.length);
    return { start, end, text: bare, select: [start, start + bare.length] };
  }
  const around = text.slice(0, start).endsWith(m) && text.slice(end).startsWith(m);
  if (around) {
    const from = start - m.length;
    return { start: from, end: end + m.length, text: selected, select: [from, from + selected.length] };
  }
  const from = start + m.length;
  return { start, end, text: m + selected + m, select: [from, from + selected.length] };
}

// Not in 10:30:00, http://, a::b or code.
const NAME = /(?<![\w:/`])(?<whole>:(?<name>[\w+-]{2,40})(?<closed>:)?)$/;

export interface Asked {
  /** Where the colon stands. */
  start: number;
  name: string;
  /** `:smile:` was typed to its end. */
  closed: boolean;
}

/** The emoji that is being named right before the caret. */
export function asked(text: string, caret: number): Asked | undefined {
  const groups = NAME.exec(text.slice(Math.max(0, caret - 64), caret))?.groups;
  if (!groups?.name || !groups.whole) return undefined;
  return { start: caret - groups.whole.length, name: groups.name, closed: groups.closed !== undefined };
}

/** The edit that puts an emoji where its name was; one more space where none follows. */
export function put(text: string, start: number, end: number, emoji: string, space: boolean): Edit {
  const made = emoji + (space && !/^\s/.test(text.slice(end)) ? " " : "");
  return { start, end, text: made, select: [start + made.length, start + made.length] };
}
