import { keep, kept } from "../store/kept.ts";

export type Theme = "system" | "light" | "dark";
export const themes: readonly Theme[] = ["system", "light", "dark"];

const KEPT = "confab.theme";
const dark = globalThis.matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  return themes.find((t) => t === kept(KEPT)) ?? "system";
}

/** Shows the page in the chosen theme, and follows the system where that is the choice. */
export function startTheme(): void {
  show(theme());
  dark.addEventListener("change", () => {
    show(theme());
  });
}

export function setTheme(t: Theme): void {
  keep(KEPT, t);
  show(t);
}

function show(t: Theme): void {
  document.documentElement.dataset.theme = t === "system" ? (dark.matches ? "dark" : "light") : t;
}
