/** Up to two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter((w) => w !== "");
  const [a = "?", b = ""] = words.map((w) => /./u.exec(w)?.[0]);
  return (a + b).toUpperCase();
}

/** A colour of its own for an id, dark enough for white text on it (see the test). */
export function colour(id: string): string {
  let hash = 0;
  for (const c of id) hash = (hash * 31 + (c.codePointAt(0) ?? 0)) | 0;
  return `hsl(${(Math.abs(hash) % 24) * 15} 48% 32%)`;
}
