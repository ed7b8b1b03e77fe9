package web_test

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
	"confab/web/frames"
)

func hearWelcome(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	return hear[frames.Welcome](&socket{t: t, ws: ws}).User.Name
}

func TestConn_fromOneToAnother(t *testing.T) {
	l := newLiveRig(t)
	ada, bob := l.guest("ada"), l.guest("bob")
	room := ada.room("lounge", domain.Public)

	a, b := l.connects(ada), l.connects(bob)
	sub := b.follows(room, 0)
	require.EqualValues(t, 1, sub.Head)
	require.Equal(t, "follow", sub.ID)
	require.NotEmpty(t, sub.Epoch)
	require.Equal(t, domain.RoomCreated, hear[frames.EventFrame](b).Event.Kind)
	require.Equal(t, frames.CaughtUp{Room: room, Seq: 1}, hear[frames.CaughtUp](b))

	a.says(frames.Send{ID: "s", Room: room, Key: "k", Body: "hi"})
	ack := hear[frames.Ack](a)
	require.Equal(t, "s", ack.ID)
	require.EqualValues(t, 2, ack.Seq)
	require.False(t, ack.Duplicate)
	e := hear[frames.EventFrame](b).Event
	require.Equal(t, "hi", e.Body)
	require.EqualValues(t, 2, e.Seq)
	require.Equal(t, room, e.Room)
	require.Equal(t, ada.user, e.Actor)

	a.says(frames.Send{ID: "t", Room: room, Key: "k", Body: "hi"})
	again := hear[frames.Ack](a)
	require.Equal(t, ack.Seq, again.Seq)
	require.True(t, again.Duplicate)
	a.says(frames.Send{ID: "u", Room: room, Key: "k", Body: "something else"})
	a.refused("u", domain.CodeConflict)
}

// Where the kernel gives no ring, as in most containers, a connection is written to by who
// has something for it.
func TestConn_withoutRing(t *testing.T) {
	web.WithoutRing(t)
	t.Run("from one to another", TestConn_fromOneToAnother)
	t.Run("order of sends", TestConn_keepsTheOrderOfSends)
	t.Run("rude clients", TestConn_rudeClients)
	t.Run("slow reader", TestConn_slowReaderIsClosed)
	t.Run("lets go", TestConn_letsGoOfEverything)
	t.Run("drain", TestDrain_saysGoodbyeAndCloses)
	t.Run("drain cuts", TestDrain_cutsWhoDoesNotRead)
	t.Run("through cuts", TestClient_throughCuts)
}

func TestConn_pongAnswersPing(t *testing.T) {
	l := newLiveRig(t)
	a := l.connects(l.guest("ada"))
	a.says(frames.Ping{ID: "7"})
	require.Equal(t, frames.Pong{ID: "7"}, hear[frames.Pong](a))
	a.writes(websocket.TextMessage, `{"type":"ping"}`)
	a.refused("", domain.CodeInvalid)
	metrics := l.ask("GET", "/metrics", "").ok(http.StatusOK).raw
	require.Contains(t, metrics, `confab_web_client_frames_total{type="ping"} 1`)
}

func TestConn_liveOnly(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	a := l.connects(ada)
	a.says(frames.Subscribe{ID: "1", Room: room})
	require.EqualValues(t, 1, hear[frames.Subscribed](a).Head)
	a.says(frames.Send{ID: "2", Room: room, Body: "hi"})
	require.EqualValues(t, 2, hear[frames.EventFrame](a).Event.Seq)
	require.Equal(t, "2", hear[frames.Ack](a).ID)
}

func TestConn_whatMayNotBe(t *testing.T) {
	l := newLiveRig(t)
	ada, bob := l.guest("ada"), l.guest("bob")
	open, hidden := ada.room("open", domain.Public), ada.room("hidden", domain.Private)
	b := l.connects(bob)
	after := uint64(0)
	for name, c := range map[string]struct {
		f    frames.Frame
		code domain.Code
	}{
		"subscribe to a private room":  {frames.Subscribe{ID: "x", Room: hidden, After: &after}, domain.CodeNotFound},
		"subscribe to no room":         {frames.Subscribe{ID: "x", Room: "zzzzzzzzzzzzzzzzzzzz"}, domain.CodeNotFound},
		"subscribe to something else":  {frames.Subscribe{ID: "x", Room: "*{x}\r\n"}, domain.CodeNotFound},
		"send to a private room":       {frames.Send{ID: "x", Room: hidden, Body: "hi"}, domain.CodeNotFound},
		"send to no room":              {frames.Send{ID: "x", Room: "zzzzzzzzzzzzzzzzzzzz", Body: "hi"}, domain.CodeNotFound},
		"send to something else":       {frames.Send{ID: "x", Room: "..", Body: "hi"}, domain.CodeNotFound},
		"send without being a member":  {frames.Send{ID: "x", Room: open, Body: "hi"}, domain.CodeForbidden},
		"send nothing":                 {frames.Send{ID: "x", Room: open}, domain.CodeInvalid},
		"send too much":                {frames.Send{ID: "x", Room: open, Body: strings.Repeat("é", 4097)}, domain.CodeTooLarge},
		"send control characters":      {frames.Send{ID: "x", Room: open, Body: "a\x00b"}, domain.CodeInvalid},
		"send with a key of 65 bytes":  {frames.Send{ID: "x", Room: open, Body: "hi", Key: strings.Repeat("k", 65)}, domain.CodeInvalid},
		"send with a key out of bytes": {frames.Send{ID: "x", Room: open, Body: "hi", Key: "\x01"}, domain.CodeInvalid},
	} {
		b.says(c.f)
		e := hear[frames.Error](b)
		require.Equal(t, c.code, e.Code, name)
		require.Equal(t, "x", e.ID, name)
	}
	b.lives()
}

func TestConn_cursorBeyondTheRoom(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	a := l.connects(ada)
	a.says(frames.Send{ID: "1", Room: room, Body: "hi"})
	hear[frames.Ack](a)

	after := uint64(1_000_000_000)
	a.says(frames.Subscribe{ID: "2", Room: room, After: &after})
	r := hear[frames.Reset](a)
	require.Equal(t, "2", r.ID)
	require.EqualValues(t, 2, r.Head)

	after = 1
	a.says(frames.Subscribe{ID: "3", Room: room, After: &after, Epoch: "of another time"})
	require.Equal(t, frames.Reset{ID: "3", Room: room, Epoch: r.Epoch, Head: 2}, hear[frames.Reset](a))

	a.says(frames.Subscribe{ID: "4", Room: room, After: &after, Epoch: r.Epoch})
	hear[frames.Subscribed](a)
	require.EqualValues(t, 2, hear[frames.EventFrame](a).Event.Seq)
	require.Equal(t, 1, l.hub.open())
}

func TestConn_subscribingAgainBeginsAnew(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	a := l.connects(ada)
	for i := range 3 {
		id, after := strconv.Itoa(i), uint64(0)
		a.says(frames.Subscribe{ID: id, Room: room, After: &after})
		require.Equal(t, id, hear[frames.Subscribed](a).ID)
		hear[frames.EventFrame](a)
		hear[frames.CaughtUp](a)
	}
	require.Equal(t, 1, l.hub.open())
	a.says(frames.Send{ID: "s", Room: room, Body: "once"})
	hear[frames.EventFrame](a)
	hear[frames.Ack](a)
	a.says(frames.Unsubscribe{ID: "u", Room: room})
	require.Equal(t, frames.Unsubscribed{ID: "u", Room: room}, hear[frames.Unsubscribed](a))
	require.Zero(t, l.hub.open())
	a.says(frames.Send{ID: "s", Room: room, Body: "unheard"})
	hear[frames.Ack](a)
	a.lives()
}

func TestConn_followsSoManyRooms(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	a := l.connects(ada)
	for i := range 257 {
		l.rooms.set(func(f *fakeRooms) {
			f.say(domain.Event{Room: roomNumber(i), Kind: domain.RoomCreated, ID: domain.NewID(), Name: "r", Visibility: domain.Public, Actor: ada.user})
		})
		a.says(frames.Subscribe{ID: "x", Room: roomNumber(i)})
		if i < 256 {
			hear[frames.Subscribed](a)
		}
	}
	require.Contains(t, a.refused("x", domain.CodeInvalid).Message, "256 rooms")
	a.says(frames.Subscribe{ID: "y", Room: roomNumber(3)}) // one of them again
	hear[frames.Subscribed](a)
	a.says(frames.Unsubscribe{ID: "z", Room: roomNumber(0)})
	hear[frames.Unsubscribed](a)
	a.says(frames.Subscribe{ID: "x", Room: roomNumber(256)})
	hear[frames.Subscribed](a)
}

// roomNumber returns an id.
func roomNumber(i int) domain.RoomID {
	return domain.RoomID(strings.Repeat("r", 18) + string(rune('a'+i/26)) + string(rune('a'+i%26)))
}

func TestConn_loseTheRightToRead(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("hidden", domain.Private)
	a := l.connects(ada)
	a.follows(room, 1)
	hear[frames.CaughtUp](a)
	l.hub.revoke(room, domain.ErrRoomNotFound())
	e := a.refused("follow", domain.CodeNotFound)
	require.Equal(t, room, e.Room)
	a.lives()
}

func TestConn_whatIsBehindIsAway(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	a := l.connects(ada)
	l.rooms.set(func(f *fakeRooms) { f.err = domain.Unavailable("the log", fmt.Errorf("secret address")) })
	a.says(frames.Send{ID: "1", Room: room, Body: "hi"})
	e := a.refused("1", domain.CodeUnavailable)
	require.GreaterOrEqual(t, e.RetryAfterMS, int64(1000))
	require.NotContains(t, e.Message, "secret")
	a.says(frames.Subscribe{ID: "2", Room: room})
	a.refused("2", domain.CodeUnavailable)
	l.rooms.set(func(f *fakeRooms) { f.err = nil })
	l.hub.fail(fmt.Errorf("secret reason"))
	a.says(frames.Subscribe{ID: "3", Room: room})
	require.NotContains(t, a.refused("3", domain.CodeInternal).Message, "secret")
	require.NotEmpty(t, a.request)
	require.Regexp(t, `"internal error".*`+a.request+`.*secret reason`, l.logged.String())
	l.hub.fail(nil)
	a.says(frames.Send{ID: "4", Room: room, Body: "hi"})
	hear[frames.Ack](a)
}

func TestConn_panicEndsOneConnection(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	a, other := l.connects(ada), l.connects(ada)
	l.rooms.set(func(f *fakeRooms) { f.panics = true })
	a.says(frames.Send{ID: "1", Room: room, Body: "hi"})
	a.closes(websocket.CloseServiceRestart)
	l.rooms.set(func(f *fakeRooms) { f.panics = false })
	other.says(frames.Send{ID: "1", Room: room, Body: "hi"})
	hear[frames.Ack](other)
	require.NotEmpty(t, a.request)
	require.Regexp(t, a.request+`.*the fake was told to`, l.logged.String())
}

// TestConn_rudeClients: whatever comes in is answered, the connection lives, and a
// neighbour notices nothing.
func TestConn_rudeClients(t *testing.T) {
	l := newLiveRig(t)
	ada, bob := l.guest("ada"), l.guest("bob")
	room := ada.room("lounge", domain.Public)
	neighbour := l.connects(bob)
	neighbour.follows(room, 1)
	hear[frames.CaughtUp](neighbour)

	const text, binary = websocket.TextMessage, websocket.BinaryMessage
	send := func(fields string) string {
		return `{"type":"send","id":"7","room":"` + string(room) + `",` + fields + `}`
	}
	for name, c := range map[string]struct {
		kind int
		data string
		id   string
		code domain.Code
	}{
		"empty":                   {text, "", "", domain.CodeInvalid},
		"no JSON":                 {text, "hello", "", domain.CodeInvalid},
		"broken JSON with an id":  {text, `{"id":"7","type":`, "7", domain.CodeInvalid},
		"two objects":             {text, send(`"body":"a"`) + send(`"body":"b"`), "7", domain.CodeInvalid},
		"unknown type":            {text, `{"id":"7","type":"shout"}`, "7", domain.CodeInvalid},
		"no id":                   {text, `{"type":"send","body":"x"}`, "", domain.CodeInvalid},
		"not UTF-8":               {text, send("\"body\":\"\xc3\x28\""), "7", domain.CodeInvalid},
		"half a surrogate":        {text, send(`"body":"\ud800"`), "7", domain.CodeInvalid},
		"binary":                  {binary, send(`"body":"x"`), "7", domain.CodeInvalid},
		"binary without an id":    {binary, "\x00\xff", "", domain.CodeInvalid},
		"id of half a surrogate":  {text, `{"type":"ping","id":"\ud800"}`, "", domain.CodeInvalid},
		"long body":               {text, send(`"body":"` + strings.Repeat("x", 9000) + `"`), "7", domain.CodeTooLarge},
		"long frame":              {text, send(`"body":"` + strings.Repeat("x", 100_000) + `"`), "7", domain.CodeTooLarge},
		"long frame, id at last":  {text, `{"body":"` + strings.Repeat("x", 100_000) + `","id":"7"}`, "7", domain.CodeTooLarge},
		"long binary frame":       {binary, strings.Repeat("x", 70_000), "", domain.CodeTooLarge},
		"nested beyond measure":   {text, `{"id":"7","x":` + strings.Repeat("[", 30_000) + `}`, "7", domain.CodeInvalid},
		"subscribe to no room":    {text, `{"type":"subscribe","id":"7"}`, "7", domain.CodeInvalid},
		"unsubscribe from none":   {text, `{"type":"unsubscribe","id":"7"}`, "7", domain.CodeInvalid},
		"send to none":            {text, `{"type":"send","id":"7","key":"k","body":"x"}`, "7", domain.CodeInvalid},
		"after as text":           {text, `{"type":"subscribe","id":"7","room":"` + string(room) + `","after":"0"}`, "7", domain.CodeInvalid},
		"after below zero":        {text, `{"type":"subscribe","id":"7","room":"` + string(room) + `","after":-1}`, "7", domain.CodeInvalid},
		"after beyond everything": {text, `{"type":"subscribe","id":"7","room":"` + string(room) + `","after":1e300}`, "7", domain.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			a := l.connects(ada)
			a.writes(c.kind, c.data)
			e := hear[frames.Error](a)
			require.Equal(t, c.code, e.Code, e.Message)
			require.Equal(t, c.id, e.ID, e.Message)
			a.lives()
		})
	}
	a := l.connects(ada)
	a.says(frames.Send{ID: "1", Room: room, Body: "and then"})
	require.Equal(t, "and then", hear[frames.EventFrame](neighbour).Event.Body)
}

func TestConn_frameBeyondAllLimits(t *testing.T) {
	l := newLiveRig(t)
	a := l.connects(l.guest("ada"))
	// All of it is read in the end: else a reset could overtake the answer.
	long := `{"id":"7","body":"` + strings.Repeat("x", 3<<19) + `"}`
	_ = a.ws.WriteMessage(websocket.TextMessage, []byte(long))
	e := hear[frames.Error](a)
	require.Equal(t, domain.CodeTooLarge, e.Code)
	require.Equal(t, "7", e.ID)
	a.closes(4009)
}

func TestConn_fragments(t *testing.T) {
	l := newLiveRig(t)
	a := l.connects(l.guest("ada"))
	w, err := a.ws.NextWriter(websocket.TextMessage)
	require.NoError(t, err)
	for _, c := range frames.Marshal(frames.Unsubscribe{ID: "1", Room: "aaaaaaaaaaaaaaaaaaaa"}) {
		_, err := w.Write([]byte{c})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	hear[frames.Unsubscribed](a)
}

// TestConn_violations of RFC 6455 end the connection, with the reason.
func TestConn_violations(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	for _, frame := range []string{
		"\x81\x05hello",                    // not masked
		"\xC1\x80\x00\x00\x00\x00",         // a reserved bit
		"\x80\x80\x00\x00\x00\x00",         // a continuation of nothing
		"\x88\x82\x00\x00\x00\x00\x00\x01", // no code to close with
		"\x01\x80\x00\x00\x00\x00" + strings.Repeat("\x00\x80\x00\x00\x00\x00", 16<<10), // pieces without end
	} {
		a := l.connects(ada)
		_, err := a.ws.NetConn().Write([]byte(frame))
		require.NoError(t, err)
		a.closes(websocket.CloseProtocolError)
	}
}

func TestConn_answersPingsAndTheClosingHandshake(t *testing.T) {
	l := newLiveRig(t)
	a := l.connects(l.guest("ada"))
	pongs := make(chan string, 1)
	a.ws.SetPongHandler(func(p string) error { pongs <- p; return nil })
	require.NoError(t, a.ws.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(patience)))
	a.lives()
	require.Equal(t, "are you there", <-pongs)
	require.NoError(t, a.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience)))
	a.closes(websocket.CloseNormalClosure)
}

func TestConn_keepsTheOrderOfSends(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	a := l.connects(ada)
	const n = 200
	for i := range n {
		a.says(frames.Send{ID: strconv.Itoa(i), Room: room, Body: "m"})
	}
	for i := range n {
		ack := hear[frames.Ack](a)
		require.Equal(t, strconv.Itoa(i), ack.ID)
		require.EqualValues(t, i+2, ack.Seq)
	}
}

// TestConn_slowReaderIsClosed: who does not read is closed with 4008 and misses
// nothing up to there, and nobody else waits for it.
func TestConn_slowReaderIsClosed(t *testing.T) {
	l := newLiveRig(t)
	ada, bob, eve := l.guest("ada"), l.guest("bob"), l.guest("eve")
	room := ada.room("lounge", domain.Public)
	a, fast, slow := l.connects(ada), l.connects(bob), l.connects(eve)
	for _, s := range []*socket{fast, slow} {
		s.follows(room, 1)
		hear[frames.CaughtUp](s)
	}
	body := strings.Repeat("x", 8000)
	a.unchecked, fast.unchecked = true, true
	head := uint64(1)
	for l.hub.open() == 2 { // until the backlog and all socket buffers on the way are full
		a.says(frames.Send{ID: "s", Room: room, Body: body})
		head++
		require.Equal(t, head, hear[frames.Ack](a).Seq)
		require.Equal(t, head, hear[frames.EventFrame](fast).Event.Seq)
	}

	last := uint64(1)
	require.NoError(t, slow.ws.SetReadDeadline(time.Now().Add(patience)))
	for {
		_, msg, err := slow.ws.ReadMessage()
		if err != nil {
			require.True(t, websocket.IsCloseError(err, 4008), "%v after seq %d", err, last)
			break
		}
		f, err := frames.DecodeServer(msg)
		require.NoError(t, err)
		e := f.(frames.EventFrame).Event
		require.Equal(t, last+1, e.Seq)
		last = e.Seq
	}
	require.Less(t, last, head)

	back := l.connects(eve)
	back.unchecked = true
	back.follows(room, last)
	for seq := last + 1; seq <= head; seq++ {
		require.Equal(t, seq, hear[frames.EventFrame](back).Event.Seq)
	}
	hear[frames.CaughtUp](back)
}

func TestConn_slowReaderThatNeverComesBack(t *testing.T) {
	l := newLiveRig(t)
	ada, eve := l.guest("ada"), l.guest("eve")
	room := ada.room("lounge", domain.Public)
	slow := l.connects(eve)
	slow.follows(room, 1)
	hear[frames.CaughtUp](slow)
	a := l.connects(ada)
	a.unchecked = true
	body := strings.Repeat("x", 8000)
	for l.hub.open() == 1 {
		a.says(frames.Send{ID: "s", Room: room, Body: body})
		hear[frames.Ack](a)
	}
	slow.ws.Close()
	a.lives()
}

func TestConn_endedSession(t *testing.T) {
	l := newLiveRig(t)
	ada, bob := l.guest("ada"), l.guest("bob")
	a, a2, b := l.connects(ada), l.connects(ada), l.connects(bob)
	ada.ask("DELETE", "/api/v1/sessions/current", "").ok(http.StatusNoContent)
	a.closes(4001)
	a2.closes(4001)
	b.lives()
	_, res, err := l.upgrade(bearer(ada))
	refusedUpgrade(t, res, err, http.StatusUnauthorized, domain.CodeUnauthenticated)
}

// TestConn_letsGoOfEverything: after all have left, in whatever way, there is no
// goroutine and no subscription left.
func TestConn_letsGoOfEverything(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	before := runtime.NumGoroutine()
	var all []*socket
	for range 20 {
		s := l.connects(ada)
		s.follows(room, 0)
		all = append(all, s)
	}
	for i, s := range all {
		switch i % 3 {
		case 0:
			s.ws.Close()
		case 1:
			require.NoError(t, s.ws.WriteControl(websocket.CloseMessage, nil, time.Now().Add(patience)))
			s.closes(websocket.CloseNormalClosure)
		case 2: // in the middle of a frame, with a reset
			_, err := s.ws.NetConn().Write([]byte{0x81, 0xFE, 0x10})
			require.NoError(t, err)
			require.NoError(t, s.ws.NetConn().(*net.TCPConn).SetLinger(0))
			s.ws.NetConn().Close()
		}
	}
	require.Eventually(t, func() bool { return l.hub.open() == 0 }, patience, time.Millisecond)
	l.http.CloseClientConnections()
	require.Eventually(t, func() bool { return goroutines() <= before }, patience, 5*time.Millisecond)
}

// goroutines counts all but the one in which Eventually asks.
func goroutines() int { return runtime.NumGoroutine() - 1 }

// TestConn_idleCostsOneGoroutine: no goroutine for writing, none for pings.
func TestConn_idleCostsOneGoroutine(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	before := runtime.NumGoroutine()
	const n = 50
	for range n {
		s := l.connects(ada)
		s.follows(room, 0)
		hear[frames.EventFrame](s)
		hear[frames.CaughtUp](s)
	}
	require.Eventually(t, func() bool { return goroutines() <= before+n }, patience, 5*time.Millisecond,
		"%d connections, %d goroutines before", n, before)
}
