// All text of the app, in English. Other languages have exactly these keys: tsc checks it.
// {name} is filled in; where a text has forms, Intl.PluralRules chooses by {count}.
export const en = {
  // --- signing in, layout, settings ---
  "app.name": "Confab",

  // --- rooms, members ---
  "rooms.title": "Rooms",

  // --- timeline ---
  "timeline.messages": "Messages in {room}",

  // --- composer, outbox, emoji ---
  "composer.send": "Send",
  "code.block": "Code",
  "code.copy": "Copy code",
  "code.copied": "Copied",

  // --- connection: banner, diagnostics ---
  "line.offline": "Offline",

  // --- notifications, installing, updates ---
  "notify.unread": { one: "{count} new message", other: "{count} new messages" },
} satisfies Record<string, Text>;

export type Text = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);
export type Key = keyof typeof en;
export type Catalogue = Record<Key, Text>;
