// localStorage, where there is one: a browser that keeps nothing throws even when it is read.
// What is kept so is a convenience; it holds for the page, then.

export function kept(key: string): string | undefined {
  try {
    return globalThis.localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a value; undefined removes what was kept. */
export function keep(key: string, value: string | undefined): void {
  try {
    if (value === undefined) globalThis.localStorage.removeItem(key);
    else globalThis.localStorage.setItem(key, value);
  } catch {
    // as above
  }
}
