// The plain page: enough to chat in two tabs and to see reconnecting at work. It
// keeps to the wire contract: rule 1 is checked, whatever is typed waits in the
// outbox until it was acked, and a lost connection is resumed from the last seq.
import { Api } from "./api.js";
import { Connection } from "./connection.js";
import { Outbox } from "./outbox.js";

const $ = (id) => document.getElementById(id);
const api = new Api();

let me = null;         // {id, name}
let outbox = null;
let connection = null;
let room = null;       // the open one: {id, name, member, first, last}
let opening = 0;       // counts, so that the latest wish wins

// --- signing in -------------------------------------------------------------

async function start() {
  try {
    const { user } = await api.get("/me");
    if (api.ownToken) return enter(user);
    showEntry(user);
  } catch {
    api.forget();
    showEntry(null);
  }
}

// showEntry offers to go on as who the browser's cookie knows, or to be somebody else
// in this tab only.
function showEntry(known, error = "") {
  connection?.stop();
  $("chat").hidden = true;
  $("entry").hidden = false;
  $("known").hidden = !known;
  $("known-name").textContent = known?.name ?? "";
  $("continue").onclick = () => enter(known);
  $("entry-hint").textContent = known ? "Or be somebody else in this tab:" : "Pick a name to start chatting.";
  $("entry-error").textContent = error;
  api.tabOnly = Boolean(known);
  $("name").focus();
}

$("sign-in").onsubmit = (e) => {
  e.preventDefault();
  signIn(false);
};
$("sign-up").onclick = () => signIn(true);

async function signIn(create) {
  const name = $("name").value, password = $("password").value;
  try {
    if (create) await api.post("/users", { name, password });
    const { user } = await api.signIn(password || create ? "/sessions" : "/sessions/guest", password || create ? { name, password } : { name });
    $("password").value = "";
    enter(user);
  } catch (err) {
    $("entry-error").textContent = err.message;
  }
}

$("sign-out").onclick = async () => {
  await api.delete("/sessions/current").catch(() => {});
  api.forget();
  location.reload();
};

function enter(user) {
  me = user;
  $("entry").hidden = true;
  $("chat").hidden = false;
  $("me").textContent = user.name;
  outbox = new Outbox(user.id);
  connection = new Connection(api, outbox, {
    state: showState,
    welcome(u) { if (u.id !== me.id) location.reload(); }, // another tab signed in as somebody else
    event, sent: showSent, failed: showFailed,
    caughtUp() { if (room) $("room-note").textContent = ""; },
    lost(id, message) { if (room?.id === id) $("room-note").textContent = message; },
    reset() { if (room) open(room.id); },
    signedOut(message) { api.forget(); room = null; showEntry(null, message); },
  });
  connection.start();
  listRooms();
  openByHash();
}

setInterval(() => { if (connection && !connection.stopped) listRooms(); }, 15_000);
window.onhashchange = openByHash;

function openByHash() {
  const id = location.hash.slice(1);
  if (id && id !== room?.id) open(id);
}

// --- rooms ------------------------------------------------------------------

let pages = 1;

async function listRooms() {
  try {
    const rooms = [];
    let cursor = "";
    for (let i = 0; i < pages; i++) {
      const page = await api.get("/rooms?limit=100" + (cursor && "&cursor=" + encodeURIComponent(cursor)));
      rooms.push(...page.rooms);
      cursor = page.next;
      if (!cursor) break;
    }
    $("more-rooms").hidden = !cursor;
    $("rooms").replaceChildren(...rooms.map(roomLine));
  } catch { /* the state line says that the server is away */ }
}

$("more-rooms").onclick = () => { pages++; listRooms(); };

function roomLine(r) {
  const button = element("button", "", (r.visibility === "private" ? "🔒 " : "# ") + r.name);
  button.type = "button";
  if (r.id === room?.id) button.setAttribute("aria-current", "true");
  button.onclick = () => open(r.id);
  const li = element("li", "");
  li.append(button);
  return li;
}

$("new-room").onsubmit = async (e) => {
  e.preventDefault();
  try {
    const visibility = $("room-private").checked ? "private" : "public";
    const made = await api.post("/rooms", { name: $("room-name").value, visibility });
    $("room-name").value = $("room-error").textContent = "";
    await open(made.room.id);
  } catch (err) {
    $("room-error").textContent = err.message;
  }
};

// open shows a room: a page of history first, then live from its head on.
async function open(id) {
  const turn = ++opening;
  $("room-note").textContent = "";
  try {
    const [about, page] = await Promise.all([api.get(`/rooms/${id}`), api.get(`/rooms/${id}/messages?limit=50`)]);
    if (turn !== opening) return;
    if (room) connection.leave(room.id);
    room = { ...about.room, last: page.head };
    history.replaceState(null, "", "#" + id);
    $("room-title").textContent = room.name;
    $("messages").replaceChildren(...page.messages.reverse().map(messageLine));
    room.first = page.messages[0]?.seq ?? 0;
    $("earlier").hidden = !page.more;
    showMembership();
    $("body").value = outbox.draft(id);
    outbox.of(id).forEach(showWaiting);
    toBottom(true);
    connection.follow(id, page.head);
    listRooms();
    listMembers();
  } catch (err) {
    $("room-note").textContent = err.message;
  }
}

$("earlier").onclick = async () => {
  const page = await api.get(`/rooms/${room.id}/messages?limit=50&before=${room.first}`);
  $("messages").prepend(...page.messages.reverse().map(messageLine));
  room.first = page.messages[0]?.seq ?? room.first;
  $("earlier").hidden = !page.more;
};

$("join-room").onclick = async () => {
  try {
    await api.put(`/rooms/${room.id}/members/me`);
    room.member = true;
    showMembership();
    listRooms();
  } catch (err) {
    $("room-note").textContent = err.message;
  }
};

function showMembership() {
  $("compose").hidden = !room.member;
  $("join").hidden = room.member;
}

async function listMembers() {
  const id = room.id;
  const { members } = await api.get(`/rooms/${id}/members`).catch(() => ({ members: [] }));
  if (room?.id === id) $("members").textContent = members.map((m) => m.user.name).join(", ");
}

// --- messages ---------------------------------------------------------------

$("compose").onsubmit = (e) => {
  e.preventDefault();
  const body = $("body").value;
  if (!body.trim()) return;
  const message = outbox.add(room.id, body); // kept before it is sent
  $("body").value = "";
  outbox.keepDraft(room.id, "");
  showWaiting(message);
  toBottom(true);
  connection.flush();
};

$("body").oninput = () => outbox.keepDraft(room.id, $("body").value);

$("body").onkeydown = (e) => {
  if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
    e.preventDefault();
    $("compose").requestSubmit();
  }
};

// event shows what happened in the open room.
function event(id, seq, e) {
  if (id !== room?.id) return;
  room.last = seq;
  const low = atBottom();
  if (e.kind === "message.posted") {
    if (e.actor.id === me.id) byKey(e.key)?.remove();
    $("messages").append(messageLine({ seq, key: e.key, at: e.at, author: e.actor, body: e.body }));
  } else if (e.kind.startsWith("member.")) {
    const what = e.kind === "member.joined" ? "joined" : "left";
    $("messages").append(element("li", "system", `${e.user.name} ${what}`));
    listMembers();
  }
  toBottom(low);
}

function messageLine(m) {
  const li = element("li", "");
  const time = element("time", "", new Date(m.at).toLocaleTimeString());
  time.dateTime = m.at;
  li.append(element("b", "", ""), " ", time, element("div", "text", m.body));
  li.firstChild.append(element("bdi", "", m.author.name));
  return li;
}

function showWaiting(message) {
  if (byKey(message.key)) return;
  const li = element("li", "waiting");
  li.dataset.key = message.key;
  li.append(element("div", "text", message.body), element("span", "state", "waiting to be sent"));
  $("messages").append(li);
  if (message.failed) showFailed(message, message.failed);
}

function showSent(message, seq) {
  const li = byKey(message.key);
  if (li) li.querySelector(".state").textContent = "sent";
  if (li && message.room === room?.id && seq <= room.last) li.remove(); // its event came before
}

function showFailed(message, why) {
  const li = byKey(message.key);
  if (!li) return;
  li.classList.add("failed");
  const state = li.querySelector(".state");
  state.textContent = "not sent: " + why + " ";
  const again = element("button", "", "Edit");
  again.onclick = () => {
    $("body").value = message.body;
    outbox.keepDraft(message.room, message.body);
    outbox.remove(message.key);
    li.remove();
  };
  state.append(again);
}

function byKey(key) {
  return [...$("messages").children].find((li) => li.dataset.key === key);
}

function showState(text, up) {
  $("status").textContent = text;
  $("status").className = up ? "" : "down";
}

function atBottom() {
  const m = $("messages");
  return m.scrollHeight - m.scrollTop - m.clientHeight < 60;
}

function toBottom(yes) {
  if (yes) $("messages").scrollTop = $("messages").scrollHeight;
}

function element(tag, className, text = "") {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.textContent = text;
  return e;
}

start();
