/**
 * Makes idempotency keys: UUIDv7 (RFC 9562, section 5.7). They sort by the time of
 * their making, also when several are made within a millisecond.
 */
export function newKeys(now: () => number): () => string {
  let last = 0;
  return () => {
    last = Math.max(now(), last + 1);
    const b = crypto.getRandomValues(new Uint8Array(16));
    const view = new DataView(b.buffer);
    view.setUint16(0, Math.floor(last / 2 ** 32));
    view.setUint32(2, last % 2 ** 32);
    view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
    view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
    const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
  };
}
