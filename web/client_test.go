package web_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
	"confab/web/client"
)

// line is a network that can be cut.
type line struct {
	mu    sync.Mutex
	conns []net.Conn
	dials int
}

func (l *line) dialer() *websocket.Dialer {
	return &websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns, l.dials = append(l.conns, conn), l.dials+1
		return conn, err
	}}
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// uses makes a client of a new guest.
func (l *liveRig) uses(ctx context.Context, name string) (*client.Client, *client.Session, *line) {
	l.t.Helper()
	me, err := client.Guest(ctx, l.http.URL, name)
	require.NoError(l.t, err)
	net := &line{}
	c, err := client.Dial(ctx, me, client.Options{Dialer: net.dialer()})
	require.NoError(l.t, err)
	l.t.Cleanup(c.Close)
	return c, me, net
}

func TestClient_restAndLive(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	b, bob, _ := l.uses(ctx, "bob")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	require.NoError(t, bob.Join(ctx, room.ID))
	sub := b.Subscribe(room.ID, domain.Cursor{})

	ack, err := a.Send(ctx, room.ID, "k", "hi")
	require.NoError(t, err)
	require.EqualValues(t, 3, ack.Seq)
	again, err := a.Send(ctx, room.ID, "k", "hi")
	require.NoError(t, err)
	require.Equal(t, client.Ack{Seq: 3, At: ack.At, Duplicate: true}, again)
	_, err = a.Send(ctx, room.ID, "k", "something else")
	require.Equal(t, domain.CodeConflict, domain.CodeOf(err))

	kinds := []domain.Kind{domain.RoomCreated, domain.MemberJoined, domain.MessagePosted}
	for e, err := range sub.All(ctx) {
		require.NoError(t, err)
		require.Equal(t, kinds[e.Seq-1], e.Kind)
		if e.Seq == 3 {
			break
		}
	}
	<-sub.CaughtUp()

	page, err := bob.Messages(ctx, room.ID, client.Page{})
	require.NoError(t, err)
	require.Equal(t, "hi", page.Messages[0].Body)
	events, err := bob.Events(ctx, room.ID, 1, 2)
	require.NoError(t, err)
	require.Len(t, events.Events, 2)
	require.NoError(t, bob.Leave(ctx, room.ID))
	about, err := bob.Room(ctx, room.ID)
	require.NoError(t, err)
	require.False(t, about.Member)
	_, err = b.Send(ctx, room.ID, "", "may I?")
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
	_, err = bob.Room(ctx, "zzzzzzzzzzzzzzzzzzzz")
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

// TestClient_throughCuts: however often the line is cut, nothing is lost, repeated or
// out of order, of what is sent and of what is heard.
func TestClient_throughCuts(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, lineA := l.uses(ctx, "ada")
	b, _, lineB := l.uses(ctx, "bob")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	sub := b.Subscribe(room.ID, domain.Cursor{Live: true})
	<-sub.CaughtUp()

	const n = 300
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if i%100 == 50 {
				lineA.cut()
			}
			ack, err := a.Send(ctx, room.ID, fmt.Sprintf("k%d", i), fmt.Sprint(i))
			if err != nil || ack.Seq != uint64(i)+2 {
				sent <- fmt.Errorf("message %d: %v, %w", i, ack, err)
				return
			}
		}
		sent <- nil
	}()
	for i := range n {
		e, err := sub.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), e.Body)
		require.EqualValues(t, i+2, e.Seq)
		if i%100 == 75 {
			lineB.cut()
		}
	}
	require.NoError(t, <-sent)
	require.GreaterOrEqual(t, lineA.dials, 4)
	require.GreaterOrEqual(t, lineB.dials, 3) // all may have come before the last cut
}

// TestClient_ackThatGotLost: what was posted, but not acked, is sent again under the
// same key, and stays one message.
func TestClient_ackThatGotLost(t *testing.T) {
	var lost sync.Once
	l, ctx := newLiveRig(t, func(c *web.Config) {
		c.Commands = beforeAck{c.Commands, func() { lost.Do(func() { panic("between append and ack") }) }}
	}), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	ack, err := a.Send(ctx, room.ID, "", "hi")
	require.NoError(t, err)
	require.True(t, ack.Duplicate)
	again, err := a.Send(ctx, room.ID, "", "and again")
	require.NoError(t, err)
	require.Equal(t, ack.Seq+1, again.Seq)
}

// beforeAck does something after a message was posted.
type beforeAck struct {
	web.Commands
	do func()
}

func (b beforeAck) PostMessage(ctx context.Context, actor domain.User, room domain.RoomID, key, body string) (domain.Receipt, error) {
	receipt, err := b.Commands.PostMessage(ctx, actor, room, key, body)
	b.do()
	return receipt, err
}

func TestClient_findsAViolation(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	sub := a.Subscribe(room.ID, domain.Cursor{After: 1})
	<-sub.CaughtUp()
	for _, f := range l.hub.of(room.ID) {
		f.mu.Lock()
		f.next += 2
		f.mu.Unlock()
	}
	for range 4 {
		_, err = a.Send(ctx, room.ID, "", "hi")
		require.NoError(t, err)
	}
	_, err = sub.Next(ctx)
	require.Equal(t, &client.ViolationError{Room: room.ID, Want: 2, Got: 4}, err)
	_, err = sub.Next(ctx)
	require.Error(t, err, "it stays so")
	_, err = a.Send(ctx, room.ID, "", "the client lives")
	require.NoError(t, err)
}

// TestClient_slowConsumer: more events than the client keeps; sending goes on
// meanwhile, and what was not kept is resumed.
func TestClient_slowConsumer(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	l.rooms.set(func(f *fakeRooms) {
		for range 5000 {
			f.say(domain.Event{Room: room.ID, Kind: domain.MessagePosted, ID: domain.NewID(), Key: domain.NewID(), Actor: ada.User, Body: "m"})
		}
	})
	sub := a.Subscribe(room.ID, domain.Cursor{})
	_, err = a.Send(ctx, room.ID, "", "while nobody takes events")
	require.NoError(t, err)
	for seq := uint64(1); seq <= 5002; seq++ {
		e, err := sub.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, seq, e.Seq)
	}
	<-sub.CaughtUp()
}

func TestClient_cursorOfAnotherHistory(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	_, err = a.Subscribe(room.ID, domain.Cursor{After: 77}).Next(ctx)
	var reset *client.ResetError
	require.ErrorAs(t, err, &reset)
	require.EqualValues(t, 1, reset.Head)

	sub := a.Subscribe(room.ID, domain.Cursor{After: 1})
	require.Eventually(t, func() bool { return sub.Epoch() == reset.Epoch }, 5*time.Second, time.Millisecond)
	reset = nil
	_, err = a.Subscribe(room.ID, domain.Cursor{After: 1, Epoch: "of another history"}).Next(ctx)
	require.ErrorAs(t, err, &reset)
	require.EqualValues(t, 1, reset.Head)
}

func TestClient_whatMayNotBeRead(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, _, _ := l.uses(ctx, "ada")
	_, bob, _ := l.uses(ctx, "bob")
	hidden, err := bob.CreateRoom(ctx, "hidden", domain.Private)
	require.NoError(t, err)
	_, err = a.Subscribe(hidden.ID, domain.Cursor{}).Next(ctx)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
}

func TestClient_waitsWhileWhatIsBehindIsAway(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	l.rooms.set(func(f *fakeRooms) { f.err = domain.Unavailable("the log", errors.New("refused")) })
	sub := a.Subscribe(room.ID, domain.Cursor{After: 1})
	sent := make(chan error, 1)
	go func() {
		_, err := a.Send(ctx, room.ID, "", "hi")
		sent <- err
	}()
	require.Eventually(t, func() bool { return strings.Count(l.logged.String(), "refused") >= 2 }, patience, time.Millisecond)
	l.rooms.set(func(f *fakeRooms) { f.err = nil })
	require.NoError(t, <-sent)
	e, err := sub.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, "hi", e.Body)
}

func TestClient_endedSessionIsFinal(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	sub := a.Subscribe(room.ID, domain.Cursor{After: 1})
	require.NoError(t, ada.SignOut(ctx))
	_, err = sub.Next(ctx)
	require.True(t, websocket.IsCloseError(err, 4001), "%v", err)
	_, err = a.Send(ctx, room.ID, "", "hi")
	require.Error(t, err)
	require.Error(t, a.Err())
	_, err = client.Dial(ctx, ada, client.Options{})
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
}

func TestClient_sendGivenUp(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	l.rooms.set(func(f *fakeRooms) { f.err = &domain.Error{Code: domain.CodeUnavailable, Message: "the log is away"} })
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = a.Send(short, room.ID, "", "hi")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	a.Close()
	a.Close()
	_, err = a.Send(ctx, room.ID, "", "hi")
	require.ErrorIs(t, err, client.ErrClosed)
	_, err = a.Subscribe(room.ID, domain.Cursor{}).Next(ctx)
	require.ErrorIs(t, err, client.ErrClosed)
}

func TestClient_comesBackAfterGoodbye(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	me, err := client.Guest(ctx, l.http.URL, "ada")
	require.NoError(t, err)
	var mu sync.Mutex
	var lost []error
	net := &line{}
	a, err := client.Dial(ctx, me, client.Options{Dialer: net.dialer(), State: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		lost = append(lost, err)
	}})
	require.NoError(t, err)
	defer a.Close()
	require.NoError(t, l.server.Drain(ctx))
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(lost) >= 3 // it was told to go, came back, and was refused by a node that stops
	}, patience, time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	require.NoError(t, lost[0])
	require.True(t, websocket.IsCloseError(lost[1], websocket.CloseServiceRestart), "%v", lost[1])
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(lost[2]))
}

// An account signs up once, signs in again and again, and signing out ends the
// session's client for good.
func TestClient_account(t *testing.T) {
	l := newLiveRig(t)
	ctx := within(t)
	require.NoError(t, client.SignUp(ctx, l.http.URL, "grace", "a long password"))
	require.Equal(t, domain.CodeConflict, domain.CodeOf(client.SignUp(ctx, l.http.URL, "Grace", "another password")))
	_, err := client.SignIn(ctx, l.http.URL, "grace", "a wrong password")
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))

	me, err := client.SignIn(ctx, l.http.URL, "grace", "a long password")
	require.NoError(t, err)
	require.Equal(t, "grace", me.User.Name)
	c, err := client.Dial(ctx, me, client.Options{})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, me.SignOut(ctx))
	require.Eventually(t, func() bool { return c.Err() != nil }, 10*time.Second, 5*time.Millisecond)
	require.True(t, websocket.IsCloseError(c.Err(), 4001), "%v", c.Err())
}

// Wherever the address of a server is given, a slash behind it does no harm.
func TestClient_slashBehindTheServer(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	server := l.http.URL + "/"
	require.NoError(t, client.SignUp(ctx, server, "grace", "a long password"))
	me, err := client.SignIn(ctx, server, "grace", "a long password")
	require.NoError(t, err)
	kept := &client.Session{Server: server, Token: me.Token}
	_, err = kept.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	c, err := client.Dial(ctx, kept, client.Options{})
	require.NoError(t, err)
	c.Close()
}

// What can be no message is an error of its Send, and nobody else's.
func TestClient_whatIsNoMessage(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	a, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	for _, c := range []struct {
		key, body string
		code      domain.Code
	}{
		{"k", strings.Repeat("x", domain.MaxBodyBytes+1), domain.CodeTooLarge},
		{"k", strings.Repeat("x", 2<<20), domain.CodeTooLarge}, // the server closes with 4009 after such a frame
		{strings.Repeat("k", 2<<20), "hi", domain.CodeInvalid},
		{"k", "not UTF-8: \xff", domain.CodeInvalid}, // JSON would make U+FFFD of it
		{"\xff", "hi", domain.CodeInvalid},
		{"k", " ", domain.CodeInvalid},
	} {
		_, err = a.Send(ctx, room.ID, c.key, c.body)
		require.Equal(t, c.code, domain.CodeOf(err), "%v", err)
	}
	ack, err := a.Send(ctx, room.ID, "k", "hi")
	require.NoError(t, err)
	require.EqualValues(t, 2, ack.Seq)
}

// TestClient_proxyThatIsBusy: a proxy that has no problem to tell may say that there are
// too many, too. That passes.
func TestClient_proxyThatIsBusy(t *testing.T) {
	for status, code := range map[int]domain.Code{
		http.StatusTooManyRequests: domain.CodeRateLimited,
		http.StatusRequestTimeout:  domain.CodeUnavailable,
		http.StatusBadGateway:      domain.CodeUnavailable,
	} {
		l, ctx := newLiveRig(t), within(t)
		var busy atomic.Int32
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if busy.Add(-1) >= 0 {
				http.Error(w, "busy", status)
				return
			}
			l.server.ServeHTTP(w, r)
		}))
		t.Cleanup(proxy.Close)
		busy.Store(1)
		_, err := client.Guest(ctx, proxy.URL, "ada")
		require.Equal(t, code, domain.CodeOf(err), "%v", err)
		me, err := client.Guest(ctx, proxy.URL, "ada")
		require.NoError(t, err)
		busy.Store(1)
		c, err := client.Dial(ctx, me, client.Options{})
		require.NoError(t, err)
		c.Close()
	}
}

// stuckConn is a line that takes nothing any more, as when the other side is gone.
type stuckConn struct {
	net.Conn
	stuck  atomic.Bool
	tried  chan struct{} // capacity 1: a write hangs
	closed chan struct{}
	once   sync.Once
}

func (c *stuckConn) Write(p []byte) (int, error) {
	if !c.stuck.Load() {
		return c.Conn.Write(p)
	}
	select {
	case c.tried <- struct{}{}:
	default:
	}
	<-c.closed
	return 0, net.ErrClosed
}

func (c *stuckConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// TestClient_lineThatTakesNothing: nobody waits for it longer than they want to.
func TestClient_lineThatTakesNothing(t *testing.T) {
	l, ctx := newLiveRig(t), within(t)
	_, ada, _ := l.uses(ctx, "ada")
	room, err := ada.CreateRoom(ctx, "lounge", domain.Public)
	require.NoError(t, err)
	line := &stuckConn{tried: make(chan struct{}, 1), closed: make(chan struct{})}
	a, err := client.Dial(ctx, ada, client.Options{Dialer: &websocket.Dialer{
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			line.Conn, err = new(net.Dialer).DialContext(ctx, network, addr)
			return line, err
		},
	}})
	require.NoError(t, err)
	sub := a.Subscribe(room.ID, domain.Cursor{})
	<-sub.CaughtUp()
	line.stuck.Store(true)

	short, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer a.Close()
		_, err := a.Send(short, room.ID, "", "hi")
		assert.ErrorIs(t, err, context.Canceled)
		_, err = a.Send(short, room.ID, "", "hi again")
		assert.ErrorIs(t, err, context.Canceled)
		e, err := sub.Next(ctx)
		assert.NoError(t, err, "what has come can be taken")
		assert.EqualValues(t, 1, e.Seq)
		sub.Close()
	}()
	<-line.tried
	cancel()
	select {
	case <-done:
	case <-time.After(patience):
		line.Close()
		require.Fail(t, "the client hangs")
	}
}
