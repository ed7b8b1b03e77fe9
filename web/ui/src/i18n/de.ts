import type { Catalogue } from "./en.ts";

export const de: Catalogue = {
  // --- signing in, layout, settings ---
  "app.name": "Confab",

  // --- rooms, members ---
  "rooms.title": "Räume",

  // --- timeline ---
  "timeline.messages": "Nachrichten in {room}",
  "timeline.loading": "Nachrichten werden geladen …",
  "timeline.beginning": "Hier beginnt {room}.",
  "timeline.openFailed": "Die Nachrichten konnten nicht geladen werden.",
  "timeline.pageFailed": "Weitere Nachrichten konnten nicht geladen werden.",
  "timeline.again": "Noch einmal versuchen",
  "timeline.discard": "Verwerfen",
  "timeline.newest": "Zum Neuesten springen",
  "timeline.newer": { one: "{count} neue Nachricht", other: "{count} neue Nachrichten" },
  "timeline.firstUnread": "Zum ersten Ungelesenen springen",
  "timeline.new": "Neu",
  "timeline.guest": "Gast",
  "timeline.more": "Mehr anzeigen",
  "timeline.less": "Weniger anzeigen",
  "timeline.copyText": "Text kopieren",
  "timeline.copyLink": "Link kopieren",
  "timeline.copied": "Kopiert",
  "timeline.sending": "Wird gesendet …",
  "timeline.waiting": "Wartet auf die Verbindung",
  "timeline.failed": "Nicht gesendet: {reason}",
  "timeline.forbidden": "Du darfst in diesem Raum nicht schreiben.",
  "timeline.notFound": "Diesen Raum gibt es nicht mehr, oder du bist nicht darin.",
  "timeline.tooLarge": "Die Nachricht ist zu lang.",
  "timeline.conflict": "An ihrer Stelle wurde eine andere Nachricht gesendet.",
  "timeline.invalid": "Der Server nimmt diese Nachricht nicht an.",
  "timeline.otherReason": "Der Server hat sie abgelehnt ({code}).",
  "timeline.others": { one: "{count} weitere Person", other: "{count} weitere" },
  "timeline.created": "{name} hat den Raum angelegt",
  "timeline.joined": { one: "{names} ist beigetreten", other: "{names} sind beigetreten" },
  "timeline.added": "{name} hat {user} hinzugefügt",
  "timeline.left": "{name} ist gegangen",
  "timeline.removed": "{name} hat {user} entfernt",
  "timeline.lost": "Eine Nachricht, die nicht gelesen werden konnte",
  "timeline.reset": "Der Raum wurde wiederhergestellt: Früheres kann fehlen",
  "timeline.unknown": "Etwas, das diese Version von Confab nicht kennt ({kind})",
  "timeline.said": "{name}: {text}",

  // --- composer, outbox, emoji ---
  "composer.send": "Senden",

  // --- connection: banner, diagnostics ---
  "line.offline": "Offline",

  // --- notifications, installing, updates ---
  "notify.unread": { one: "{count} neue Nachricht", other: "{count} neue Nachrichten" },
};
