package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web/frames"
)

func TestDrain_saysGoodbyeAndCloses(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	var all []*socket
	for range 20 {
		s := l.connects(ada)
		s.follows(room, 0)
		all = append(all, s)
	}
	drained := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		drained <- l.server.Drain(ctx)
	}()
	waits := map[int64]bool{}
	for _, s := range all {
		hear[frames.EventFrame](s) // what was on its way comes first
		hear[frames.CaughtUp](s)
		g := hear[frames.Goodbye](s)
		require.Equal(t, "restart", g.Code)
		waits[g.RetryAfterMS] = true
		s.closes(websocket.CloseServiceRestart)
		s.ws.Close()
	}
	require.NoError(t, <-drained)
	require.Greater(t, len(waits), 5, "the times to come back are spread")
	require.Zero(t, l.hub.open())

	_, res, err := l.upgrade(bearer(ada))
	refusedUpgrade(t, res, err, http.StatusServiceUnavailable, domain.CodeUnavailable)
}

func TestDrain_cutsWhoDoesNotRead(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	room := ada.room("lounge", domain.Public)
	slow, a := l.connects(ada), l.connects(ada)
	slow.follows(room, 1)
	hear[frames.CaughtUp](slow)
	a.unchecked = true
	for l.hub.open() == 1 { // until the backlog is full
		a.says(frames.Send{ID: "s", Room: room, Body: strings.Repeat("x", 8000)})
		hear[frames.Ack](a)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, l.server.Drain(ctx), context.DeadlineExceeded)
}

// TestDrain_withoutPatience: with CONFAB_DRAIN=0s, too, whoever reads hears when to come back.
func TestDrain_withoutPatience(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	var all []*socket
	for range 50 {
		all = append(all, l.connects(ada))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = l.server.Drain(ctx)
	for _, s := range all {
		require.Equal(t, "restart", hear[frames.Goodbye](s).Code)
		s.closes(websocket.CloseServiceRestart)
	}
}

// TestDrain_connectingMeanwhile: who got past the door just before it closed.
func TestDrain_connectingMeanwhile(t *testing.T) {
	l := newLiveRig(t)
	ada := l.guest("ada")
	require.NoError(t, l.server.DrainSockets(t.Context()))
	s := l.connects(ada)
	require.Equal(t, "restart", hear[frames.Goodbye](s).Code)
	s.closes(websocket.CloseServiceRestart)
}
