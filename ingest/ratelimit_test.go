package ingest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestRateLimit_burstThenRate(t *testing.T) {
	l, now := newRateLimit(10, 5), time.Unix(1e9, 0)
	for range 5 {
		require.NoError(t, l.allow("ada", now))
	}
	for range 3 { // being refused costs nothing
		err := l.allow("ada", now)
		var e *domain.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, domain.CodeRateLimited, e.Code)
		require.Equal(t, 100*time.Millisecond, e.RetryAfter)
	}
	require.NoError(t, l.allow("bob", now), "a bucket each")
	require.NoError(t, l.allow("ada", now.Add(100*time.Millisecond)))
	require.Error(t, l.allow("ada", now.Add(100*time.Millisecond)))
}

func TestRateLimit_refusalsAtOnceCostNothing(t *testing.T) {
	l, now := newRateLimit(20, 60), time.Unix(1e9, 0)
	var connections sync.WaitGroup
	for range 8 {
		connections.Go(func() {
			for range 5000 {
				_ = l.allow("ada", now)
			}
		})
	}
	connections.Wait()
	require.NoError(t, l.allow("ada", now.Add(50*time.Millisecond)), "one more in a twentieth of a second")
}

func TestRateLimit_forgetsWhoIsQuietAndNobodyElse(t *testing.T) {
	l, now := newRateLimit(10, 5), time.Unix(1e9, 0) // full again after 500 ms
	for i := range 1000 {
		require.NoError(t, l.allow(domain.UserID(fmt.Sprint(i)), now))
	}
	// ada sends twice as fast as she may, for long: she is held to her rate all along.
	sent := 0
	for range 200 {
		if l.allow("ada", now) == nil {
			sent++
		}
		now = now.Add(50 * time.Millisecond)
	}
	require.InDelta(t, 5+100, sent, 1)
	require.LessOrEqual(t, len(l.current)+len(l.previous), 1, "the thousand are forgotten")
}
