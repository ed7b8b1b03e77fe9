import { renderToStaticMarkup } from "react-dom/server";
import { characterEntities } from "character-entities";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { Markdown } from "./Markdown.tsx";
import { plain } from "./plain.ts";
import { loaded } from "./reader.ts";

beforeAll(() => loaded);

// The output is read as a whole: text without < and >, and tags of this list with these
// attributes. What is not of this form fails, whatever it is.
const ALLOWED: Record<string, Record<string, RegExp>> = {
  p: { dir: /^auto$/, class: /^[-\w. [\]/:]+$/ },
  strong: {},
  em: {},
  del: {},
  bdi: { class: /^text-muted$/ },
  code: { dir: /^auto$/, class: /^[-\w. [\]/:]+$/ },
  pre: { tabindex: /^0$/, role: /^group$/, "aria-label": /^Code$/, class: /^[-\w. [\]/:]+$/ },
  div: { class: /^[-\w. [\]/:]+$/ },
  blockquote: { dir: /^auto$/, class: /^[-\w. [\]/:]+$/ },
  ul: { dir: /^auto$/, class: /^[-\w. [\]/:]+$/ },
  ol: { dir: /^auto$/, class: /^[-\w. [\]/:]+$/, start: /^\d+$/, style: /^padding-inline-start:\d+ch$/ },
  li: {},
  a: {
    href: /^(?:https?:\/\/[^/"<>\s]+[^"<>\s]*|mailto:[^"<>\s]+)$/,
    title: /^(?:https?:\/\/|mailto:)[^"<>\s]+$/,
    target: /^_blank$/,
    rel: /^noopener noreferrer nofollow$/,
    class: /^[-\w. [\]/:]+$/,
  },
};

function check(html: string): string[] {
  const tags: string[] = [];
  const open: string[] = [];
  const rest = html.replace(
    /<(\/?)([a-z]+)((?: [a-z-]+="[^"<>]*")*)>|[^<>]+/g,
    (whole, closing: string, tag: string | undefined, attributes: string) => {
      if (tag === undefined) return "";
      const allowed = ALLOWED[tag];
      expect(allowed, `<${tag}> in ${html}`).toBeDefined();
      if (closing) expect(open.pop(), whole).toBe(tag);
      else {
        open.push(tag);
        tags.push(tag);
        for (const [, name = "", value = ""] of attributes.matchAll(/ ([a-z-]+)="([^"]*)"/g))
          expect(value, `${tag} ${name}`).toMatch(allowed?.[name] ?? /^(?!)/);
      }
      return "";
    },
  );
  expect(rest).toBe("");
  expect(open).toEqual([]);
  return tags;
}

const html = (text: string) => renderToStaticMarkup(<Markdown text={text} />);

const SCRIPTS = [
  "<script>alert(1)</script>",
  "<ScRiPt src=//evil.example/x.js></sCrIpT>",
  "<script\u0000>alert(1)</script>",
  "<<script>alert(1)//<</script>",
  "<img src=x onerror=alert(1)>",
  "<img src=x onerror\u0009=\u0009alert(1)>",
  '"><img src=x onerror=alert(1)>',
  "<svg onload=alert(1)>",
  "<svg><script>alert&#40;1&#41;</script></svg>",
  "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
  "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
  "<math href='javascript:alert(1)'>x</math>",
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "<object data='data:text/html,<script>alert(1)</script>'>",
  "<embed src='javascript:alert(1)'>",
  "<base href='//evil.example/'>",
  "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
  "<link rel=stylesheet href=//evil.example/x.css>",
  "<style>@import '//evil.example'</style>",
  "<form action='javascript:alert(1)'><button>x</button></form>",
  "<input autofocus onfocus=alert(1)>",
  "<details open ontoggle=alert(1)>",
  "<video><source onerror=alert(1)></video>",
  "<a href='javascript:alert(1)'>x</a>",
  "<!--<img src='--><img src=x onerror=alert(1)//'>",
  "<![CDATA[<img src=x onerror=alert(1)>]]>",
  "<?xml version='1.0'?><x/>",
  "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
  "<template><script>alert(1)</script></template>",
  "<a id=clobber name=body>x</a>",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  "&#60;script&#62;alert(1)&#60;/script&#62;",
  "&amp;lt;script&amp;gt;",
];
const URLS = [
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  " javascript:alert(1)",
  "\u0001javascript:alert(1)",
  "java\tscript:alert(1)",
  "java\nscript:alert(1)",
  "java\u0000script:alert(1)",
  "java&#9;script:alert(1)",
  "java&Tab;script:alert(1)",
  "javascript&colon;alert(1)",
  "javascript&#58;alert(1)",
  "&#106;avascript:alert(1)",
  "&#x6A;avascript:alert(1)",
  "javascript%3Aalert(1)",
  "jаvascript:alert(1)", // a Cyrillic а
  "ｊavascript:alert(1)",
  "javascript\u200b:alert(1)",
  "javascript://example.com/%0aalert(1)",
  "data:text/html,<script>alert(1)</script>",
  "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
  "DATA:image/svg+xml,<svg/onload=alert(1)>",
  "vbscript:msgbox(1)",
  "file:///etc/passwd",
  "ftp://evil.example",
  "intent://evil#Intent;scheme=http;end",
  "//evil.example",
  "/api/v1/sessions/current",
  "\\\\evil.example",
  "#clobber",
  "?x",
  "about:blank",
  "https:",
  "http://",
  "https:///",
];
const wrapped = (url: string) => [
  url,
  `[x](${url})`,
  `[x](<${url}>)`,
  `[x](${url} "title" onclick=alert(1))`,
  `![x](${url})`,
  `[![x](${url})](${url})`,
  `<${url}>`,
  `[x]\n\n[x]: ${url}`,
  `[x][y]\n\n[y]: <${url}> 'title'`,
  `**[x](${url})** > [x](${url})`,
  `\`[x](${url})\``,
  `> - [x](${url})`,
];

describe("nothing that was typed becomes markup of its own", () => {
  test.each(SCRIPTS)("%j", (attack) => {
    for (const text of [
      attack,
      `**${attack}**`,
      `\`${attack}\``,
      `> ${attack}`,
      `- ${attack}`,
      `[${attack}](http://a.example)`,
    ])
      check(html(text));
    const fence = `\`\`\`html\n${attack}\n\`\`\`\n${attack}`;
    check(html(fence));
    check(html(`\`\`\`"><script>alert(1)</script>\n${attack}`));
    expect(typeof plain(attack)).toBe("string");
  });

  test.each(URLS)("%j is no link", (url) => {
    for (const text of wrapped(url)) expect(check(html(text)), text).not.toContain("a");
  });

  test("of a scheme around a scheme only the inner one is followed", () => {
    for (const scheme of ["blob:", "view-source:", "javascript://", "data:,"])
      for (const text of wrapped(`${scheme}https://a.example/1`))
        for (const [, href] of html(text).matchAll(/ href="([^"]*)"/g))
          expect(href).toMatch(/^https:\/\/a\.example\/1/);
  });

  test("attributes are not left by a quote", () => {
    for (const url of [
      'http://a.example/"onmouseover="alert(1)',
      "http://a.example/'onmouseover='alert(1)",
      "http://a.example/`onmouseover=`alert(1)",
      'http://a.example/"><script>alert(1)</script>',
      'mailto:a@a.example"onmouseover="alert(1)',
      "http://a.example/\u2028<b>",
    ])
      for (const text of wrapped(url)) check(html(text));
  });

  test("what was typed as entities is shown as typed", () => {
    expect(html("&lt;b&gt; &amp;amp; &#60; &quot; <b>")).toContain(
      "&amp;lt;b&amp;gt; &amp;amp;amp; &amp;#60; &amp;quot; &lt;b&gt;",
    );
    expect(html("`&lt;b&gt;` **&lt;**")).toMatch(/&amp;lt;b&amp;gt;<\/code> <strong>&amp;lt;<\/strong>/);
  });

  // In a browser the library decodes them by innerHTML, which Trusted Types refuse.
  test("entities are never decoded", () => {
    const amp = vi.fn(() => "&");
    Object.defineProperty(characterEntities, "amp", { get: amp });
    const texts = [
      "&amp;",
      "[&amp;](https://a.example/&amp; '&amp;')",
      "![&amp;](a)",
      "[&amp;][&amp;]",
      "```&amp;\n```",
    ];
    for (const text of texts) html(`${text}\n\n[&amp;]: https://a.example/&amp; "&amp;"`);
    expect(amp).not.toHaveBeenCalled();
    expect(html("[&amp;](https://a.example)")).toContain("<bdi>&amp;amp;</bdi>");
  });

  test("nested fences hold what is between them", () => {
    const tags = check(html("````md\n```js\n<script>\n```\n[x](javascript:a)\n````"));
    expect(tags).toEqual(["div", "pre", "code"]);
  });

  test("control characters show as holes", () => {
    expect(html("a\u0000b\u001b[31m\u009b")).toContain("a\ufffdb\ufffd[31m\ufffd");
  });
});
