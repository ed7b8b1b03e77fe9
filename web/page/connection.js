// Connection keeps a WebSocket open, follows rooms from their last seq on, and sends
// the outbox, one message after the other so that their order holds.
export class Connection {
  constructor(api, outbox, on) {
    Object.assign(this, { api, outbox, on });
    this.rooms = new Map(); // room → {last, epoch, id, live}: last seq, id of its subscribe frame
    this.failures = 0;
    this.nextID = 1;
    this.sending = null; // {id, message}: the one in flight
    this.notBefore = 0;
    this.pingMS = 25_000;
  }

  start() {
    this.stopped = false;
    this.ending = new AbortController();
    for (const [target, name] of [[window, "online"], [window, "pageshow"], [document, "visibilitychange"]]) {
      target.addEventListener(name, () => this.wake(), { signal: this.ending.signal });
    }
    this.checks = setInterval(() => this.check(), 5_000);
    this.connect();
  }

  stop() {
    this.stopped = true;
    this.ending?.abort();
    clearInterval(this.checks);
    clearTimeout(this.timer);
    this.socket?.close();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    this.on.state("connecting …", false);
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const token = this.api.ownToken;
    const socket = token ? new WebSocket(url, ["confab.v1", "confab.bearer." + token]) : new WebSocket(url, ["confab.v1"]);
    this.socket = socket;
    this.open = false;
    this.heard = Date.now();
    socket.onmessage = (m) => {
      this.heard = Date.now();
      if (socket === this.socket) this.frame(JSON.parse(m.data));
    };
    socket.onclose = (e) => { if (socket === this.socket) this.closed(e); };
  }

  // wake does not wait out the time to the next try when there is reason to hope.
  wake() {
    this.check();
    if (navigator.onLine && document.visibilityState === "visible") this.retry(Math.random() * 1000);
  }

  // check notices a dead line when the browser did not: after sleep, in a tab that
  // was frozen, behind a proxy that forgot us.
  check() {
    if (this.socket && Date.now() - this.heard > 2 * this.pingMS) {
      this.socket.close();
      this.closed({ code: 1006 });
    }
  }

  async closed({ code, reason }) {
    clearTimeout(this.settled);
    this.socket = null;
    this.sending = null;
    const opened = this.open;
    this.open = false;
    if (this.stopped) return;
    if (code === 4001) return this.on.signedOut("Your session has ended; sign in again.");
    if (code === 4003 || code === 4009) {
      this.stop();
      return this.on.state(`closed by the server (${code} ${reason}); reload the page`, false);
    }
    if (!opened && await this.refused()) return;
    const jitter = Math.random() * Math.min(30_000, 500 * 2 ** this.failures++);
    this.retry(Math.max(jitter, this.notBefore - Date.now()));
  }

  // refused finds out what the browser does not tell: that the handshake failed for
  // want of a session.
  async refused() {
    try {
      await this.api.get("/me");
    } catch (err) {
      if (err.status === 401) {
        this.on.signedOut("Sign in again.");
        return true;
      }
    }
    return false;
  }

  retry(wait) {
    if (this.socket || this.stopped) return;
    if (this.timer && Date.now() + wait > this.timerAt) return; // it comes sooner already
    clearTimeout(this.timer);
    wait = Math.max(wait, this.notBefore - Date.now());
    this.timerAt = Date.now() + wait;
    this.on.state(`not connected; trying again in ${Math.ceil(wait / 1000)} s` + this.waiting(), false);
    this.timer = setTimeout(() => this.connect(), wait);
  }

  waiting() {
    const n = this.outbox.waiting().length;
    return n ? `, ${n} to send` : "";
  }

  send(frame) {
    frame.id = String(this.nextID++);
    this.socket.send(JSON.stringify(frame));
    return frame.id;
  }

  follow(room, after) {
    this.rooms.set(room, { last: after });
    if (this.open) this.subscribe(room);
  }

  leave(room) {
    if (this.rooms.delete(room) && this.open) this.send({ type: "unsubscribe", room });
  }

  subscribe(room) {
    const r = this.rooms.get(room);
    r.live = false;
    r.id = this.send({ type: "subscribe", room, after: r.last, epoch: r.epoch });
  }

  flush() {
    const [message] = this.outbox.waiting();
    if (!this.open || this.sending || !message) return;
    const { room, key, body } = message;
    this.sending = { message, id: this.send({ type: "send", room, key, body }) };
  }

  frame(f) {
    const r = this.rooms.get(f.room);
    switch (f.type) {
      case "welcome":
        this.open = true;
        this.pingMS = f.ping_ms;
        this.settled = setTimeout(() => { this.failures = 0; }, 10_000);
        this.on.welcome(f.user);
        this.on.state(`connected to ${f.node}`, true);
        [...this.rooms.keys()].forEach((room) => this.subscribe(room));
        this.flush();
        break;
      case "event":
        if (!r?.following) break;
        if (f.seq !== r.last + 1) { // rule 1 was broken: say so, and ask again for the truth
          console.error(`room ${f.room}: seq ${f.seq} after ${r.last}`);
          this.subscribe(f.room);
          break;
        }
        r.last = f.seq;
        this.on.event(f.room, f.seq, f.event);
        this.show(f.room);
        break;
      case "subscribed":
        if (r?.id === f.id) { r.following = true; r.epoch = f.epoch; }
        break;
      case "caught_up":
        if (r) r.live = true;
        this.on.caughtUp(f.room);
        this.show(f.room);
        break;
      case "heartbeat":
        for (const [room, head] of Object.entries(f.heads)) this.compare(room, head);
        break;
      case "ack":
        if (this.sending?.id !== f.id) break;
        this.outbox.remove(this.sending.message.key);
        this.settle((m) => this.on.sent(m, f.seq));
        break;
      case "error":
        this.error(f);
        break;
      case "reset":
        this.rooms.delete(f.room);
        this.on.reset(f.room);
        break;
      case "goodbye":
        this.notBefore = Date.now() + f.retry_after_ms;
        break;
    }
  }

  show(room) {
    const r = this.rooms.get(room);
    this.on.state(`${r.live ? "live" : "catching up"} at seq ${r.last}` + this.waiting(), true);
  }

  // compare looks for a last message that got lost. What is on its way gets some time.
  compare(room, head) {
    const socket = this.socket;
    setTimeout(() => {
      const r = this.rooms.get(room);
      if (r && r.last < head && this.open && socket === this.socket) this.subscribe(room);
    }, 5_000);
  }

  // settle is done with the message in flight and goes on to the next.
  settle(tell) {
    const { message } = this.sending;
    this.sending = null;
    tell(message);
    this.flush();
  }

  error(f) {
    const again = f.code === "unavailable" || f.code === "rate_limited" || f.code === "internal";
    const wait = f.retry_after_ms || 1000;
    if (this.sending?.id === f.id) {
      if (!again) {
        this.outbox.fail(this.sending.message, f.message);
        return this.settle((m) => this.on.failed(m, f.message));
      }
      this.sending = null;
      setTimeout(() => this.flush(), wait);
      return;
    }
    for (const [room, r] of this.rooms) {
      if (r.id !== f.id) continue;
      this.on.lost(room, f.message);
      r.following = false;
      if (again) setTimeout(() => { if (this.open && this.rooms.get(room) === r) this.subscribe(room); }, wait);
      else this.rooms.delete(room);
    }
  }
}
