const SCHEMES = new Set(["http:", "https:", "mailto:"]);

export interface Target {
  href: string;
  /** Where it leads, to be shown, where the text could make one think of another place. */
  host?: string;
}

/** Where a link leads; undefined where it is none that we follow. `shown` is its text. */
export function target(typed: string, shown: string): Target | undefined {
  // The browser drops such characters from addresses: "java\tscript:" would be one.
  if (/[\p{Cc}\s]/u.test(typed)) return undefined;
  let url: URL;
  try {
    url = new URL(typed); // needs a scheme: nothing is relative to our own pages
  } catch {
    return undefined;
  }
  if (!SCHEMES.has(url.protocol)) return undefined;
  const place = url.protocol === "mailto:" ? url.pathname : url.host;
  if (!place) return undefined;
  return misleads(shown, typed, url, place) ? { href: url.href, host: place } : { href: url.href };
}

function misleads(shown: string, typed: string, url: URL, place: string): boolean {
  if (url.username || url.password) return true; // https://bank.example@evil.example
  if (/[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u.test(shown)) return true;
  const said = shown.normalize("NFKC").toLowerCase();
  if (said === typed.toLowerCase()) return false;
  const address = /^(?:https?:\/\/|mailto:)?(?:www\.)?([^/?#]*)/.exec(said)?.[1] ?? "";
  if (address === place.replace(/^www\./, "")) return false;
  return /[\p{L}\p{N}][.。．｡][\p{L}\p{N}]|:\/\/|@/u.test(said); // reads like an address
}
