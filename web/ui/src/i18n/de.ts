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
  "code.block": "Code",
  "code.copy": "Code kopieren",
  "code.copied": "Kopiert",

  // --- connection: banner, diagnostics ---
  "line.offline": "Offline",

  // --- notifications, installing, updates ---
  "notify.unread": { one: "{count} neue Nachricht", other: "{count} neue Nachrichten" },
};
