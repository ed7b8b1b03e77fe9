package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
	"confab/web/frames"
)

// liveRig is a rig that listens, with a hub on the rooms of the fake.
type liveRig struct {
	*rig
	hub  *fakeHub
	http *httptest.Server

	// In a bubble:
	lookups atomic.Int64 // of sessions
	panics  atomic.Bool  // they do
	dial    func(person) *websocket.Conn
}

func newLiveRig(t *testing.T, change ...func(*web.Config)) *liveRig {
	t.Helper()
	l := &liveRig{}
	l.rig = newRig(t, append([]func(*web.Config){func(c *web.Config) {
		l.hub = &fakeHub{rooms: c.Commands.(*fakeRooms), feeds: map[*fakeFeed]struct{}{}}
		c.Hub, c.Commands = l.hub, liveRooms{c.Commands.(*fakeRooms), l.hub}
		c.Limits = false
	}}, change...)...)
	l.http = httptest.NewServer(l.server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = l.server.Drain(ctx) // clients that do not answer are cut
		l.http.Close()
	})
	return l
}

// liveRooms tells the hub of what is posted.
type liveRooms struct {
	*fakeRooms
	hub *fakeHub
}

func (l liveRooms) PostMessage(ctx context.Context, actor domain.User, room domain.RoomID, key, body string) (domain.Receipt, error) {
	receipt, err := l.fakeRooms.PostMessage(ctx, actor, room, key, body)
	if err == nil && !receipt.Duplicate {
		l.hub.deliver(room)
	}
	return receipt, err
}

// fakeHub is web.Hub in its simplest form: whoever posts delivers to all.
type fakeHub struct {
	rooms *fakeRooms
	quiet bool // nothing is delivered live

	mu    sync.Mutex
	err   error // what Subscribe fails with
	feeds map[*fakeFeed]struct{}
}

type fakeFeed struct {
	hub  *fakeHub
	room domain.RoomID
	sink domain.Sink

	mu   sync.Mutex
	next uint64
	done bool
}

func (h *fakeHub) Subscribe(ctx context.Context, user domain.UserID, room domain.RoomID, from domain.Cursor, sink domain.Sink) (domain.Subscription, error) {
	h.mu.Lock()
	err := h.err
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var epoch string
	err = h.rooms.View(ctx, room, func(r *domain.Room) error {
		epoch = r.Epoch
		return r.CanRead(user)
	})
	if err != nil {
		return nil, err
	}
	heads, err := h.rooms.Heads(ctx, room)
	if err != nil {
		return nil, err
	}
	f := &fakeFeed{hub: h, room: room, sink: sink, next: heads[0] + 1}
	if !from.Live && (from.After > heads[0] || from.Epoch != "" && from.Epoch != epoch) {
		sink.Reset(heads[0], epoch)
		f.done = true
		return f, nil
	}
	f.mu.Lock() // whoever posts meanwhile delivers after what comes here
	defer f.mu.Unlock()
	h.mu.Lock()
	h.feeds[f] = struct{}{}
	h.mu.Unlock()
	sink.Subscribed(heads[0], epoch)
	if !from.Live {
		f.next = from.After + 1
		f.catchUp()
		sink.CaughtUp(f.next - 1)
	}
	return f, nil
}

// fail has Subscribe fail from now on, unless err is nil.
func (h *fakeHub) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func (h *fakeHub) deliver(room domain.RoomID) {
	if h.quiet {
		return
	}
	for _, f := range h.of(room) {
		f.deliver()
	}
}

func (h *fakeHub) of(room domain.RoomID) (feeds []*fakeFeed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.feeds {
		if f.room == room {
			feeds = append(feeds, f)
		}
	}
	return feeds
}

// revoke ends all subscriptions of a room.
func (h *fakeHub) revoke(room domain.RoomID, err error) {
	for _, f := range h.of(room) {
		f.mu.Lock()
		if !f.done {
			f.done = true
			f.sink.Ended(err)
		}
		f.mu.Unlock()
	}
}

func (h *fakeHub) open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for f := range h.feeds {
		f.mu.Lock()
		if !f.done {
			n++
		}
		f.mu.Unlock()
	}
	return n
}

func (f *fakeFeed) deliver() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
}

// catchUp is called with mu held.
func (f *fakeFeed) catchUp() {
	records, err := f.hub.rooms.Range(context.Background(), f.room, f.next-1, 1_000_000)
	if err != nil || f.done {
		return
	}
	for _, rec := range records {
		if f.sink.Events(frames.Event(rec), 1, rec.Seq) != nil {
			f.done = true
			return
		}
		f.next = rec.Seq + 1
	}
}

func (f *fakeFeed) Head() uint64 {
	heads, err := f.hub.rooms.Heads(context.Background(), f.room)
	if err != nil {
		return 0
	}
	return heads[0]
}

func (f *fakeFeed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = true
}

// socket is a client's end of a connection. Every frame that it hears is held
// against asyncapi.yaml.
type socket struct {
	t         *testing.T
	ws        *websocket.Conn
	request   string // what the answer to the upgrade called it
	unchecked bool   // many frames of a kind are coming; schemas take their time
}

// upgrade asks for a WebSocket and returns what came of it.
func (l *liveRig) upgrade(h http.Header, protocols ...string) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: 10 * time.Second}
	return d.Dial("ws"+strings.TrimPrefix(l.http.URL, "http")+"/ws", h)
}

func bearer(p person) http.Header { return http.Header{"Authorization": {"Bearer " + p.token}} }

// connects opens a connection and hears the welcome.
func (l *liveRig) connects(p person) *socket {
	l.t.Helper()
	ws, res, err := l.upgrade(bearer(p))
	require.NoError(l.t, err)
	l.t.Cleanup(func() { ws.Close() })
	s := &socket{t: l.t, ws: ws, request: res.Header.Get("X-Request-Id")}
	require.Equal(l.t, p.user, hear[frames.Welcome](s).User)
	return s
}

func (s *socket) says(f frames.Frame) {
	s.t.Helper()
	s.writes(websocket.TextMessage, string(frames.Marshal(f)))
}

func (s *socket) writes(kind int, data string) {
	s.t.Helper()
	require.NoError(s.t, s.ws.WriteMessage(kind, []byte(data)))
}

const patience = 10 * time.Second

func (s *socket) next() frames.Frame {
	s.t.Helper()
	require.NoError(s.t, s.ws.SetReadDeadline(time.Now().Add(patience)))
	_, msg, err := s.ws.ReadMessage()
	require.NoError(s.t, err)
	if !s.unchecked {
		checkFrame(s.t, msg)
	}
	f, err := frames.DecodeServer(msg)
	require.NoError(s.t, err)
	return f
}

// hear demands that the next frame is of a type, and returns it.
func hear[F frames.Frame](s *socket) F {
	s.t.Helper()
	f := s.next()
	want, ok := f.(F)
	require.True(s.t, ok, "heard %#v, not %T", f, want)
	return want
}

// refused demands that the next frame is an error.
func (s *socket) refused(id string, code domain.Code) frames.Error {
	s.t.Helper()
	e := hear[frames.Error](s)
	require.Equal(s.t, id, e.ID, e.Message)
	require.Equal(s.t, code, e.Code, e.Message)
	return e
}

// closes demands that the server closes with a code, and skips what it sends before.
func (s *socket) closes(code int) {
	s.t.Helper()
	require.NoError(s.t, s.ws.SetReadDeadline(time.Now().Add(patience)))
	for {
		if _, _, err := s.ws.ReadMessage(); err != nil {
			require.True(s.t, websocket.IsCloseError(err, code), "%v", err)
			return
		}
	}
}

// lives demands that the connection still answers.
func (s *socket) lives() {
	s.t.Helper()
	s.says(frames.Unsubscribe{ID: "alive?", Room: "aaaaaaaaaaaaaaaaaaaa"})
	require.Equal(s.t, "alive?", hear[frames.Unsubscribed](s).ID)
}

func (s *socket) follows(room domain.RoomID, after uint64) frames.Subscribed {
	s.t.Helper()
	s.says(frames.Subscribe{ID: "follow", Room: room, After: &after})
	return hear[frames.Subscribed](s)
}

// room makes a room and returns its id.
func (p person) room(name string, v domain.Visibility) domain.RoomID {
	p.t.Helper()
	return domain.RoomID(strings.TrimPrefix(p.makes(name, v), "/api/v1/rooms/"))
}

// refusedUpgrade demands an answer other than an upgrade.
func refusedUpgrade(t *testing.T, res *http.Response, err error, status int, code domain.Code) {
	t.Helper()
	require.ErrorIs(t, err, websocket.ErrBadHandshake)
	require.Equal(t, status, res.StatusCode)
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var p struct {
		Code   domain.Code `json:"code"`
		Detail string      `json:"detail"`
	}
	require.NoError(t, json.Unmarshal(body, &p), "%s", body)
	require.Equal(t, code, p.Code)
	require.NotEmpty(t, p.Detail)
}
