// All text of the app, in English. Other languages have exactly these keys: tsc checks it.
// {name} is filled in; where a text has forms, Intl.PluralRules chooses by {count}.
export const en = {
  // --- signing in, layout, settings ---
  "app.name": "Confab",

  // --- rooms, members ---
  "rooms.title": "Rooms",

  // --- timeline ---
  "timeline.messages": "Messages in {room}",
  "timeline.loading": "Loading messages…",
  "timeline.beginning": "This is the beginning of {room}.",
  "timeline.openFailed": "The messages could not be loaded.",
  "timeline.pageFailed": "More messages could not be loaded.",
  "timeline.again": "Try again",
  "timeline.discard": "Discard",
  "timeline.newest": "Jump to newest",
  "timeline.newer": { one: "{count} new message", other: "{count} new messages" },
  "timeline.firstUnread": "Jump to first unread",
  "timeline.new": "New",
  "timeline.guest": "Guest",
  "timeline.more": "Show more",
  "timeline.less": "Show less",
  "timeline.copyText": "Copy text",
  "timeline.copyLink": "Copy link",
  "timeline.copied": "Copied",
  "timeline.sending": "Sending…",
  "timeline.waiting": "Waiting for the connection",
  "timeline.failed": "Not sent: {reason}",
  "timeline.forbidden": "You may not write in this room.",
  "timeline.notFound": "This room does not exist any more, or you are not in it.",
  "timeline.tooLarge": "The message is too long.",
  "timeline.conflict": "Another message was sent in its place.",
  "timeline.invalid": "The server does not accept this message.",
  "timeline.otherReason": "The server refused it ({code}).",
  "timeline.others": { one: "{count} other", other: "{count} others" },
  "timeline.created": "{name} created the room",
  "timeline.joined": "{names} joined",
  "timeline.added": "{name} added {user}",
  "timeline.left": "{name} left",
  "timeline.removed": "{name} removed {user}",
  "timeline.lost": "A message that could not be read",
  "timeline.reset": "The room was restored: what was here before may be missing",
  "timeline.unknown": "Something that this version of Confab does not know ({kind})",
  "timeline.said": "{name}: {text}",

  // --- composer, outbox, emoji ---
  "composer.send": "Send",

  // --- connection: banner, diagnostics ---
  "line.offline": "Offline",

  // --- notifications, installing, updates ---
  "notify.unread": { one: "{count} new message", other: "{count} new messages" },
} satisfies Record<string, Text>;

export type Text = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);
export type Key = keyof typeof en;
export type Catalogue = Record<Key, Text>;
