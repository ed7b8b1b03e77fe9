// Its own chunk: loaded with the first code block that names a language.
import type { Emitter } from "highlight.js";
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createElement, type ReactNode } from "react";

const languages = {
  bash, cpp, css, diff, go, java, javascript, json, python, rust, sql, typescript, xml, yaml,
}; // prettier-ignore
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);
hljs.registerAliases("c", { languageName: "cpp" });

interface Made extends Emitter {
  readonly children: ReactNode[];
}

/** Makes React elements where highlight.js would make HTML. */
class Elements implements Made {
  private readonly root: ReactNode[] = [];
  private readonly open: { scope: string; children: ReactNode[] }[] = [];

  get children(): ReactNode[] {
    return this.open.at(-1)?.children ?? this.root;
  }
  addText(text: string): void {
    if (text) this.children.push(text);
  }
  startScope(scope: string): void {
    this.open.push({ scope, children: [] });
  }
  endScope(): void {
    const done = this.open.pop();
    if (!done) return;
    // "title.function" is coloured as a title.
    const className = `hl-${done.scope.split(".", 1)[0] ?? ""}`;
    this.children.push(createElement("span", { className }, ...done.children));
  }
  // What some versions call the two above.
  openNode(scope: string): void {
    this.startScope(scope);
  }
  closeNode(): void {
    this.endScope();
  }
  finalize(): void {
    while (this.open.length > 0) this.endScope();
  }
  __addSublanguage(other: Emitter): void {
    this.children.push(...(other as Made).children);
  }
  toHTML(): string {
    return ""; // not asked for
  }
}
hljs.configure({ __emitter: Elements });

/** The text in coloured spans; as it is where the language is not known. */
export function highlight(text: string, language: string): ReactNode {
  if (!hljs.getLanguage(language)) return text;
  const result = hljs.highlight(text, { language, ignoreIllegals: true });
  if (result.errorRaised || result.illegal) return text; // it may have stopped half-way
  return createElement("span", null, ...(result._emitter as Made).children);
}
