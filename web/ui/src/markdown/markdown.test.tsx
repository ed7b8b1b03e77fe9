import { renderToStaticMarkup } from "react-dom/server";
import { beforeAll, describe, expect, test } from "vitest";
import { emojiOnly } from "./emoji.ts";
import { highlight } from "./highlight.ts";
import { Markdown } from "./Markdown.tsx";
import { plain } from "./plain.ts";
import { loaded } from "./reader.ts";

beforeAll(() => loaded);

/** The output without classes and directions: what it means. */
function shown(text: string): string {
  return renderToStaticMarkup(<Markdown text={text} />)
    .replace(/ (?:class|dir|rel|target|title|style|tabindex|role|aria-label)="[^"]*"/g, "")
    .replace(/<\/?bdi>/g, "");
}

describe("constructs", () => {
  test.each([
    [
      "plain, *em* _em_ **strong** __strong__ ~~del~~",
      "<p>plain, <em>em</em> <em>em</em> <strong>strong</strong> <strong>strong</strong> <del>del</del></p>",
    ],
    ["**bold _and_ `code`**", "<p><strong>bold <em>and</em> <code>code</code></strong></p>"],
    ["a\nb\n\n\n\nc", "<p>a\nb</p><p>c</p>"],
    ["a\r\nb", "<p>a\nb</p>"],
    ["snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"],
    ["``a `b` c`` `x\ny`", "<p><code>a `b` c</code> <code>x\ny</code></p>"],
    ["\\*not\\* \\_em\\_ \\`code\\`", "<p>*not* _em_ `code`</p>"],
    // As everywhere where Markdown is: a backslash before a mark is not shown.
    ["\\\\server\\share C:\\dir", "<p>\\server\\share C:\\dir</p>"],
    ["¯\\\\\\_(ツ)_/¯", "<p>¯\\_(ツ)_/¯</p>"],
    ["a\\\nb  \nc", "<p>a\\\nb\nc</p>"],
    ["  a\n    *b\n  c*", "<p>  a\n    <em>b\n  c</em></p>"],
    ["> said\n> more\nanswer", "<blockquote><p>said\nmore</p></blockquote><p>answer</p>"],
    ["- a\nb", "<ul><li><p>a</p></li></ul><p>b</p>"],
    ["> a\n> > b", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>"],
    ["- a\n- **b**", "<ul><li><p>a</p></li><li><p><strong>b</strong></p></li></ul>"],
    [
      "text\n- a\n  - b\n- c\n\nend",
      "<p>text</p><ul><li><p>a</p><ul><li><p>b</p></li></ul></li><li><p>c</p></li></ul><p>end</p>",
    ],
    ["3. a\n4. b", '<ol start="3"><li><p>a</p></li><li><p>b</p></li></ol>'],
    ["1. a\n   - b\n2. c", '<ol start="1"><li><p>a</p><ul><li><p>b</p></li></ul></li><li><p>c</p></li></ol>'],
    ["it was in\n2024. yes", "<p>it was in\n2024. yes</p>"],
    ["```\na *b*\n  c\n```\nd", "<div><pre><code>a *b*\n  c</code></pre></div><p>d</p>"],
    ["```js\nx", "<div><pre><code>x</code></pre></div>"],
    ["```x = 1;\ny```", "<div><pre><code>x = 1;\ny</code></pre></div>"],
    ["```js\nx``` \n*b*", "<div><pre><code>x</code></pre></div><p><em>b</em></p>"],
    ["```x = 1;", "<div><pre><code>x = 1;</code></pre></div>"],
    ["~~~\n```\n~~~", "<div><pre><code>```</code></pre></div>"],
    ["- a\n  ```\n  b\n    c\n  ```", "<ul><li><p>a</p><div><pre><code>b\n  c</code></pre></div></li></ul>"],
    [
      "see https://a.example/x_y_z, ok",
      '<p>see <a href="https://a.example/x_y_z">https://a.example/x_y_z</a>, ok</p>',
    ],
    ["(http://a.example/b)", '<p>(<a href="http://a.example/b">http://a.example/b</a>)</p>'],
    ["www.a.example", '<p><a href="http://www.a.example/">www.a.example</a></p>'],
    ["ada@a.example", '<p><a href="mailto:ada@a.example">ada@a.example</a></p>'],
    ["first_last@a.example", '<p><a href="mailto:first_last@a.example">first_last@a.example</a></p>'],
    ["what @home says", "<p>what @home says</p>"],
    ["**https://a.example**", '<p><strong><a href="https://a.example/">https://a.example</a></strong></p>'],
    ["xhttp://a.example", "<p>xhttp://a.example</p>"],
    [
      "**a *b* c** ***d*** **a*b**",
      "<p><strong>a <em>b</em> c</strong> <em><strong>d</strong></em> <strong>a*b</strong></p>",
    ],
    [
      "[**b** https://a.example](https://b.example)",
      '<p><a href="https://b.example/"><strong>b</strong> https://a.example (b.example)</a></p>',
    ],
    ["[here](https://a.example/?a=1&lt=2)", '<p><a href="https://a.example/?a=1&amp;lt=2">here</a></p>'],
    [
      "<https://a.example> <b@a.example>",
      '<p><a href="https://a.example/">https://a.example</a> <a href="mailto:b@a.example">b@a.example</a></p>',
    ],
    ["http://localhost:8080/b", '<p><a href="http://localhost:8080/b">http://localhost:8080/b</a></p>'],
    [
      "[a <https://a.example> b](https://b.example)",
      '<p><a href="https://b.example/">a https://a.example b (b.example)</a></p>',
    ],
    ["*a [b*c](javascript:d) [e*f][g]", "<p><em>a [b*c](javascript:d) [e</em>f][g]</p>"],
    ["[w](https://a.example/b_(c))", '<p><a href="https://a.example/b_(c)">w</a></p>'],
  ])("%j", (text, html) => expect(shown(text)).toBe(html));

  test.each([
    "# heading",
    "title\n===",
    "---",
    "- - -",
    "* * *",
    "-",
    "1.",
    "|a|b|\n|-|-|\n|1|2|",
    "![image](https://a.example/b.png)",
    "<b>bold</b>",
    "[a]: https",
    "    four spaces",
    "* *",
    "a ** b",
    ">",
    "[a][b] [c][] [d]",
    "~",
  ])("%j is shown as it was typed", (text) =>
    expect(shown(text)).toBe(`<p>${text.replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</p>`),
  );

  test("a link that says another place than it leads to shows where", () => {
    expect(shown("[https://bank.example](https://evil.example/x)")).toContain(
      "</a>".replace("</a>", " (evil.example)</a>"),
    );
    expect(shown("[bank.example](https://evil.example)")).toContain("(evil.example)");
    expect(shown("[bank。example](https://evil.example)")).toContain("(evil.example)");
    expect(shown("https://bank.example@evil.example/")).toContain("(evil.example)");
    expect(shown("[\u202eelpmaxe.knab](https://evil.example)")).toContain("(evil.example)");
    expect(shown("[a.example](https://a.example/path)")).not.toContain("(");
    expect(shown("[the docs](https://a.example/path)")).not.toContain("(");
  });

  test("links open elsewhere and tell where", () => {
    const html = renderToStaticMarkup(<Markdown text="[a](https://b.example)" />);
    expect(html).toMatch(/title="https:\/\/b.example\/" target="_blank" rel="noopener noreferrer nofollow"/);
  });

  test("few emoji are large", () => {
    for (const text of ["😀", "👍🏽 🎉", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "1️⃣", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
      expect(emojiOnly(text), text).toBe(true);
    for (const text of ["", " ", "1", "a 😀", "😀😀😀😀", "#", "12", "©a"])
      expect(emojiOnly(text), text).toBe(false);
  });
});

describe("highlighting", () => {
  const html = (text: string, language: string) => renderToStaticMarkup(<>{highlight(text, language)}</>);
  const text = (markup: string) => markup.replace(/<[^>]*>/g, "");

  test.each([
    "js",
    "ts",
    "python",
    "go",
    "rust",
    "java",
    "c",
    "cpp",
    "sh",
    "json",
    "yaml",
    "sql",
    "html",
    "css",
    "diff",
  ])("%s is known and loses no text", (language) => {
    const code = "let a = 'b<c>' // d\nif (1) { return 2 }\n<a href='x'><style>b{}</style>";
    const out = html(code, language);
    expect(out).toMatch(/^<span>/);
    expect(text(out)).toBe(text(renderToStaticMarkup(<>{code}</>)));
    expect(out.replace(/<\/?span(?: class="hl-[\w-]+")?>/g, "")).not.toMatch(/[<>]/);
  });
  test("colours are classes", () =>
    expect(html("let a", "js")).toBe('<span><span class="hl-keyword">let</span> a</span>'));
  test("another language stays text", () => expect(html("<a>", "nonsense")).toBe("&lt;a&gt;"));
});

describe("plain", () => {
  test.each([
    ["**a** `b`\n\n> c\n- d\n- e", "a b c d e"],
    ["```js\nlet a;\n```", "let a;"],
    ["[text](https://a.example)", "text"],
    ["![image](https://a.example/b.png)", "![image](https://a.example/b.png)"],
    ["a \u202eb", "a b"],
    ["&lt;", "&lt;"],
  ])("%j → %j", (text, line) => expect(plain(text)).toBe(line));

  test("is cut, not through an emoji", () => {
    const line = plain("a".repeat(299) + "😀".repeat(100));
    expect(line).toBe("a".repeat(299) + "…");
  });
});
