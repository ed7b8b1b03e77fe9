import type { Catalogue } from "./en.ts";

export const de: Catalogue = {
  // --- signing in, layout, settings ---
  "app.name": "Confab",

  // --- rooms, members ---
  "rooms.title": "Räume",

  // --- timeline ---
  "timeline.messages": "Nachrichten in {room}",

  // --- composer, outbox, emoji ---
  "composer.send": "Senden",
  "composer.message": "Nachricht an {room}",
  "composer.emoji": "Emoji",
  "composer.suggestions": { one: "{count} Emoji vorgeschlagen", other: "{count} Emoji vorgeschlagen" },
  "composer.left": { one: "noch {count} Byte", other: "noch {count} Bytes" },
  "composer.over": {
    one: "{count} Byte zu lang: Kürze die Nachricht oder schick sie in Teilen.",
    other: "{count} Bytes zu lang: Kürze die Nachricht oder schick sie in Teilen.",
  },
  "composer.tooLong": "Die Nachricht ist zu lang zum Senden.",
  "code.block": "Code",
  "code.copy": "Code kopieren",
  "code.copied": "Kopiert",

  // --- connection: banner, diagnostics ---
  "line.offline": "Offline",

  // --- notifications, installing, updates ---
  "notify.unread": { one: "{count} neue Nachricht", other: "{count} neue Nachrichten" },
};
