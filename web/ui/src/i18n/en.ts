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
  "composer.message": "Message {room}",
  "composer.emoji": "Emoji",
  "composer.suggestions": { one: "{count} emoji suggested", other: "{count} emoji suggested" },
  "composer.left": { one: "{count} byte left", other: "{count} bytes left" },
  "composer.over": {
    one: "Too long by {count} byte: shorten it, or send it in parts.",
    other: "Too long by {count} bytes: shorten it, or send it in parts.",
  },
  "composer.tooLong": "The message is too long to be sent.",
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
