const ONE = [
  "\\p{RI}{2}",
  "[0-9#*]\\ufe0f?\\u20e3",
  "\\p{Extended_Pictographic}\\ufe0f?\\p{EMod}?[\\u{e0061}-\\u{e007f}]*" +
    "(?:\\u200d\\p{Extended_Pictographic}\\ufe0f?\\p{EMod}?)*",
].join("|");
const EMOJI_ONLY = new RegExp(`^\\s*(?:(?:${ONE})\\s*){1,3}$`, "u");
const MAX_LENGTH = 60; // a family of four takes 11, a flag of a region 14

/** One to three emoji and nothing else: shown large. */
export function emojiOnly(text: string): boolean {
  return text.length <= MAX_LENGTH && EMOJI_ONLY.test(text);
}
