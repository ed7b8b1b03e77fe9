// Outbox keeps what was typed until the server has acked it, whatever happens to the
// tab or the connection. Each message is an entry of its own in localStorage, so that
// two tabs never overwrite each other; both may send it, since the key makes it one.
export class Outbox {
  constructor(user) {
    this.prefix = `confab.outbox.${user}.`;
    this.drafts = `confab.draft.${user}.`;
  }

  add(room, body) {
    const message = { key: uuidv7(), room, body };
    this.put(message);
    return message;
  }

  put(message) { localStorage.setItem(this.prefix + message.key, JSON.stringify(message)); }

  // fail keeps a message that the server will not take, for its author to see to.
  fail(message, why) { this.put({ ...message, failed: why }); }

  draft(room) { return localStorage.getItem(this.drafts + room) ?? ""; }

  keepDraft(room, text) {
    if (text) localStorage.setItem(this.drafts + room, text);
    else localStorage.removeItem(this.drafts + room);
  }

  remove(key) { localStorage.removeItem(this.prefix + key); }

  // all returns the messages, oldest first.
  all() {
    return Object.keys(localStorage).filter((k) => k.startsWith(this.prefix)).sort()
      .map((k) => JSON.parse(localStorage.getItem(k)));
  }

  waiting() { return this.all().filter((m) => !m.failed); }

  of(room) { return this.all().filter((m) => m.room === room); }
}

// uuidv7 returns ids that sort by the time of their making, also within a millisecond.
let lastTime = 0;
function uuidv7() {
  lastTime = Math.max(Date.now(), lastTime + 1);
  const b = crypto.getRandomValues(new Uint8Array(16));
  new DataView(b.buffer).setUint16(0, Math.floor(lastTime / 2 ** 32));
  new DataView(b.buffer).setUint32(2, lastTime % 2 ** 32);
  b[6] = 0x70 | (b[6] & 0x0f);
  b[8] = 0x80 | (b[8] & 0x3f);
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
