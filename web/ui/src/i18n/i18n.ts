import { useSyncExternalStore } from "react";
import { keep, kept } from "../store/kept.ts";
import { de } from "./de.ts";
import { type Catalogue, en, type Key } from "./en.ts";

export type Language = "en" | "de";
export const languages: Record<Language, string> = { en: "English", de: "Deutsch" };

const catalogues: Record<Language, Catalogue> = { en, de };
const KEPT = "confab.language";
const listeners = new Set<() => void>();
let current: Language = chosen() ?? preferred();

function isLanguage(v: unknown): v is Language {
  return typeof v === "string" && v in catalogues;
}

function chosen(): Language | undefined {
  const v = kept(KEPT);
  return isLanguage(v) ? v : undefined;
}

function preferred(): Language {
  for (const tag of typeof navigator === "undefined" ? [] : navigator.languages) {
    const base = tag.split("-")[0];
    if (isLanguage(base)) return base;
  }
  return "en";
}

export function language(): Language {
  return current;
}

/** Changes the language of the whole page and keeps it in this browser. */
export function setLanguage(l: Language): void {
  current = l;
  keep(KEPT, l);
  for (const f of listeners) f();
}

/** A text of the catalogue, filled in. Components use `useText`, to follow a change of language. */
export function text(key: Key, values: Record<string, string | number> = {}): string {
  const entry = catalogues[current][key];
  const form = typeof entry === "string" ? entry : (entry[plural(values.count)] ?? entry.other);
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const v = values[name];
    return v === undefined ? whole : typeof v === "number" ? v.toLocaleString(current) : v;
  });
}

function plural(count: string | number | undefined): Intl.LDMLPluralRule {
  return typeof count === "number" ? new Intl.PluralRules(current).select(count) : "other";
}

export function useText(): typeof text {
  useSyncExternalStore(subscribe, language, language);
  return text;
}

function subscribe(f: () => void): () => void {
  listeners.add(f);
  return () => listeners.delete(f);
}
