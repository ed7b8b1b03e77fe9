package web_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
	"confab/web/frames"
)

// pipes is a listener without a network, for a bubble in which time is made up.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.accept <- server
	return client, nil
}

// listener is a client that notes what it hears, and when.
type listener struct {
	t     *testing.T
	ws    *websocket.Conn
	start time.Time

	mu    sync.Mutex
	pings []time.Duration
	beats []frames.Heartbeat
	at    []time.Duration // of the beats
	pongs int
	ended error
	end   time.Duration
}

// watchedAccounts counts the lookups of sessions, and panics when told to.
type watchedAccounts struct {
	domain.Accounts
	lookups *atomic.Int64
	panics  *atomic.Bool
}

func (w watchedAccounts) LiveSessions(ctx context.Context, hashes []string, now time.Time) ([]string, error) {
	w.lookups.Add(1)
	if w.panics.Load() {
		panic("the fake was told to")
	}
	return w.Accounts.LiveSessions(ctx, hashes, now)
}

// inBubble runs a test in which ada follows a room that she made.
func inBubble(t *testing.T, answersPings bool, f func(t *testing.T, l *liveRig, room domain.RoomID, ada person, c *listener)) {
	synctest.Test(t, func(t *testing.T) {
		l := &liveRig{}
		l.rig = newRig(t, func(c *web.Config) {
			l.hub = &fakeHub{rooms: c.Commands.(*fakeRooms), feeds: map[*fakeFeed]struct{}{}}
			c.Hub, c.Commands = l.hub, liveRooms{c.Commands.(*fakeRooms), l.hub}
			c.Accounts = watchedAccounts{c.Accounts, &l.lookups, &l.panics}
			now, start := c.Now, time.Now()
			c.Now = func() time.Time { return now().Add(time.Since(start)) }
		})
		ada := l.guest("ada")
		room := ada.room("lounge", domain.Public)
		net := newPipes()
		server := &http.Server{Handler: l.server}
		go func() { _ = server.Serve(net) }()
		defer server.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = l.server.Run(ctx) })
		defer running.Wait()
		defer cancel()

		l.dial = func(p person) *websocket.Conn {
			d := websocket.Dialer{NetDialContext: net.dial}
			ws, _, err := d.Dial("ws://test/ws", bearer(p))
			require.NoError(t, err)
			return ws
		}
		ws := l.dial(ada)
		c := &listener{t: t, ws: ws, start: time.Now()}
		ws.SetPingHandler(func(p string) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.pings = append(c.pings, time.Since(c.start))
			if !answersPings {
				return nil
			}
			return ws.WriteControl(websocket.PongMessage, []byte(p), time.Now().Add(time.Second))
		})
		var listening sync.WaitGroup
		listening.Go(c.listen)
		require.NoError(t, ws.WriteMessage(websocket.TextMessage, frames.Marshal(frames.Subscribe{ID: "1", Room: room, After: new(uint64)})))
		synctest.Wait()
		f(t, l, room, ada, c)
		ws.Close()
		listening.Wait()
		require.NoError(t, l.server.Drain(context.Background()))
	})
}

func (c *listener) listen() {
	for {
		_, msg, err := c.ws.ReadMessage()
		c.mu.Lock()
		if err != nil {
			c.ended, c.end = err, time.Since(c.start)
			c.mu.Unlock()
			return
		}
		checkFrame(c.t, msg)
		if f, err := frames.DecodeServer(msg); err == nil {
			switch f := f.(type) {
			case frames.Heartbeat:
				c.beats, c.at = append(c.beats, f), append(c.at, time.Since(c.start))
			case frames.Pong:
				c.pongs++
			}
		}
		c.mu.Unlock()
	}
}

func (c *listener) heard(f func()) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

const ping = 25 * time.Second

func passes(d time.Duration) {
	time.Sleep(d)   // synctest: the bubble's clock
	synctest.Wait() // for what is due at that very moment
}

func TestPulse_pingsAndHeartbeats(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, room domain.RoomID, _ person, c *listener) {
		passes(10 * time.Minute)
		c.heard(func() {
			require.NoError(t, c.ended)
			require.GreaterOrEqual(t, len(c.pings), 24)
			require.LessOrEqual(t, c.pings[0], ping)
			for i, at := range c.pings[1:] {
				require.LessOrEqual(t, at-c.pings[i], ping)
				require.GreaterOrEqual(t, at-c.pings[i], ping*4/5)
			}
			require.Len(t, c.beats, 24)
			for i, at := range c.at {
				require.Equal(t, time.Duration(i+1)*ping, at)
				require.Equal(t, map[domain.RoomID]uint64{room: 1}, c.beats[i].Heads)
			}
		})
	})
}

func TestPulse_twoMissedPongsEndIt(t *testing.T) {
	inBubble(t, false, func(t *testing.T, l *liveRig, _ domain.RoomID, _ person, c *listener) {
		passes(2 * ping * 4 / 5)
		c.heard(func() { require.NoError(t, c.ended) })
		passes(3*ping - 2*ping*4/5)
		c.heard(func() {
			require.Error(t, c.ended)
			require.LessOrEqual(t, c.end, 3*ping)
			require.Len(t, c.pings, 2)
			require.Zero(t, l.hub.open())
		})
	})
}

func TestPulse_heartbeatOnlyInSilence(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, room domain.RoomID, ada person, c *listener) {
		for range 30 {
			_, err := liveRooms{l.rooms, l.hub}.PostMessage(t.Context(), ada.user, room, domain.NewID(), "hi")
			require.NoError(t, err)
			passes(ping - time.Second)
		}
		c.heard(func() {
			require.NoError(t, c.ended)
			require.Empty(t, c.beats)
		})
	})
}

func TestPulse_aClientsPingsPutNoHeartbeatOff(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, _ domain.RoomID, _ person, c *listener) {
		for range 10 {
			require.NoError(t, c.ws.WriteMessage(websocket.TextMessage, frames.Marshal(frames.Ping{ID: "7"})))
			passes(ping / 5)
		}
		c.heard(func() {
			require.NoError(t, c.ended)
			require.Equal(t, 10, c.pongs)
			require.Len(t, c.beats, 2)
		})
	})
}

func TestPulse_heartbeatTellsOfOnesOwnRoomsOnly(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, _ domain.RoomID, ada person, c *listener) {
		elsewhere := &listener{t: t, ws: l.dial(ada), start: c.start} // follows no room
		var listening sync.WaitGroup
		listening.Go(elsewhere.listen)
		passes(10 * time.Minute)
		c.heard(func() { require.Len(t, c.beats, 24) })
		elsewhere.heard(func() {
			require.Len(t, elsewhere.beats, 24)
			for _, beat := range elsewhere.beats {
				require.Empty(t, beat.Heads)
			}
		})
		elsewhere.ws.Close()
		listening.Wait()
	})
}

func TestPulse_heartbeatTellsOfALostLastEvent(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, room domain.RoomID, ada person, c *listener) {
		_, err := l.rooms.PostMessage(t.Context(), ada.user, room, "k", "the hub does not hear of it")
		require.NoError(t, err)
		passes(ping)
		c.heard(func() { require.EqualValues(t, 2, c.beats[0].Heads[room]) })

		l.rooms.set(func(f *fakeRooms) { f.err = errors.New("the log is away") })
		passes(ping)
		c.heard(func() {
			require.NoError(t, c.ended)
			require.EqualValues(t, 1, c.beats[1].Heads[room], "what this connection was given")
		})
	})
}
