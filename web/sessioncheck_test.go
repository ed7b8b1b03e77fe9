package web_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"confab/domain"
)

// connections opens n of a person. The function that it returns says how many of them have
// been told that the session has ended.
func (l *liveRig) connections(p person, n int) (ended func() int64) {
	var told atomic.Int64
	for range n {
		ws := l.dial(p)
		go func() { // answers pings
			for {
				if _, _, err := ws.ReadMessage(); err != nil {
					if websocket.IsCloseError(err, 4001) {
						told.Add(1)
					}
					return
				}
			}
		}()
	}
	return told.Load
}

// endSession ends a session, and nobody hears of it.
func (l *liveRig) endSession(p person) {
	l.t.Helper()
	sessions, err := l.store.Sessions(l.t.Context(), p.user.ID, l.clock())
	require.NoError(l.t, err)
	require.NoError(l.t, l.store.DeleteSession(l.t.Context(), p.user.ID, sessions[0].ID))
}

func TestSessionCheck_findsOneThatEndedUnheard(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, _ domain.RoomID, ada person, c *listener) {
		others := l.connections(l.guest("bob"), 1000) // more than a query asks for
		mine := l.connections(ada, 1000)
		l.endSession(ada)
		passes(30 * time.Second)
		c.heard(func() { require.True(t, websocket.IsCloseError(c.ended, 4001), "%v", c.ended) })
		require.EqualValues(t, 1000, mine())
		require.Zero(t, others())
	})
}

func TestSessionCheck_aStoreThatIsAwayEndsNothing(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, _ domain.RoomID, ada person, c *listener) {
		l.lookups.Store(0)
		l.store.Fail(domain.Unavailable("the store", errors.New("away")))
		passes(5 * time.Minute)
		l.store.Fail(nil)
		l.panics.Store(true)
		passes(5 * time.Minute)
		c.heard(func() { require.NoError(t, c.ended) })
		require.EqualValues(t, 20, l.lookups.Load())

		l.panics.Store(false)
		l.endSession(ada)
		passes(30 * time.Second)
		c.heard(func() { require.True(t, websocket.IsCloseError(c.ended, 4001), "%v", c.ended) })
	})
}

func TestSessionCheck_asksForManyAtOnce(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, _ domain.RoomID, ada person, _ *listener) {
		l.connections(ada, 499) // and the listener
		l.lookups.Store(0)
		passes(time.Hour)
		require.EqualValues(t, time.Hour/(30*time.Second), l.lookups.Load())
	})
}

func TestSessionCheck_sessionThatExpires(t *testing.T) {
	inBubble(t, true, func(t *testing.T, l *liveRig, _ domain.RoomID, _ person, c *listener) {
		passes(time.Hour)
		c.heard(func() { require.NoError(t, c.ended) })
		l.pass(10 * 365 * 24 * time.Hour)
		passes(time.Minute)
		c.heard(func() { require.True(t, websocket.IsCloseError(c.ended, 4001), "%v", c.ended) })
	})
}
