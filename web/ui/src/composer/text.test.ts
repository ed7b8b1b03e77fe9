import { describe, expect, test } from "vitest";
import { asked, bytes, clean, type Edit, mark, put, visible } from "./text.ts";

function done(text: string, e: Edit): string {
  const out = text.slice(0, e.start) + e.text + text.slice(e.end);
  return `${out.slice(0, e.select[0])}[${out.slice(...e.select)}]${out.slice(e.select[1])}`;
}

test.each([
  ["a\u0000b\u001b[31m\u0085c\td\r\ne\rf", "ab[31mc\td\ne\nf"],
  ["\n  \n  code\n\n", "  code"],
  ["half \ud83d, whole 😀", "half \ufffd, whole 😀"],
])("%j is sent as %j", (typed, sent) => {
  expect(clean(typed)).toBe(sent);
});

test("blank is what shows nothing", () => {
  for (const blank of [
    "",
    " \n\t",
    "\u00a0\u3000",
    "\u200b\u200d\ufeff",
    "\ufe0f",
    "\u2800",
    "\u202e",
    "\u{1d159}",
    "\u00ad",
  ])
    expect(visible(blank), JSON.stringify(blank)).toBe(false);
  for (const some of ["a", ".", "😀", "\u200ba", "字"]) expect(visible(some), some).toBe(true);
});

test("the limit counts bytes of UTF-8", () => {
  expect(bytes("aé字😀")).toBe(1 + 2 + 3 + 4);
});

describe("marks", () => {
  test.each([
    ["say word now", 4, 8, "say **[word]** now"],
    ["say **word** now", 6, 10, "say [word] now"],
    ["say **word** now", 4, 12, "say [word] now"],
    ["", 0, 0, "**[]**"],
    ["****", 2, 2, "[]"],
  ])("%j %d–%d: %j", (text, start, end, result) => {
    expect(done(text, mark(text, start, end, "**"))).toBe(result);
  });
});

describe("emoji by name", () => {
  test.each([
    [":smi", { start: 0, name: "smi", closed: false }],
    ["hi :smile:", { start: 3, name: "smile", closed: true }],
    ["(:+1", { start: 1, name: "+1", closed: false }],
    ["😀:heart:", { start: 2, name: "heart", closed: true }],
    ["a\n:tada", { start: 2, name: "tada", closed: false }],
  ])("%j asks", (text, a) => {
    expect(asked(text, text.length)).toEqual(a);
  });
  test.each([":", ":s", "10:30", "10:30:00", "http://x", "a::bc", "`:smile:", "word:smile:", ": smile"])(
    "%j does not",
    (text) => {
      expect(asked(text, text.length)).toBeUndefined();
    },
  );
  test("what follows the caret does not matter", () => {
    expect(asked(":smile and", 4)?.name).toBe("smi");
  });
  test("one space follows", () => {
    expect(done("a :smi", put("a :smi", 2, 6, "😄", true))).toBe("a 😄 []");
    expect(done("a :smi b", put("a :smi b", 2, 6, "😄", true))).toBe("a 😄[] b");
    expect(done(":smile:", put(":smile:", 0, 7, "😄", false))).toBe("😄[]");
  });
});
