// Its own chunk: loaded when the first colon is typed.
import lines from "virtual:emoji";

export interface Emoji {
  emoji: string;
  name: string;
}

interface Entry {
  emoji: string;
  names: string[];
  tags: string[];
}

const entries: Entry[] = lines.split("\n").map((line) => {
  const [names = "", tags = ""] = line.split("|");
  const [emoji = "", ...rest] = names.split(" ");
  return { emoji, names: rest, tags: tags.split(" ") };
});
const byName = new Map(entries.flatMap((e) => e.names.map((name) => [name, e.emoji] as const)));

export function named(name: string): string | undefined {
  return byName.get(name.toLowerCase());
}

/** The emoji that one may mean: those whose name begins so, then a word of the name, then what they stand for. */
export function search(query: string, most: number): Emoji[] {
  const q = query.toLowerCase();
  const ranked: (Emoji & { rank: number })[] = [];
  for (const { emoji, names, tags } of entries) {
    const [best] = names.map((name) => ({ name, rank: rank(name, q) })).sort((a, b) => a.rank - b.rank);
    if (!best) continue;
    if (best.rank < 3) ranked.push({ emoji, ...best });
    else if (tags.some((t) => t.startsWith(q))) ranked.push({ emoji, name: best.name, rank: 3 });
  }
  // The sort is stable, and the list has the common ones first.
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, most)
    .map(({ emoji, name }) => ({ emoji, name }));
}

function rank(name: string, q: string): number {
  if (name === q) return 0;
  if (name.startsWith(q)) return 1;
  return name.includes(`_${q}`) ? 2 : 9;
}
