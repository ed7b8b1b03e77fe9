package web

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

func TestConn_readsFramesAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &conn{pace: rate.NewLimiter(framesPerSecond, frameBurst)}
		start := time.Now()
		for range frameBurst {
			c.slowDown()
		}
		require.Zero(t, time.Since(start))
		for range 3 * framesPerSecond {
			c.slowDown()
		}
		require.InDelta(t, 3, time.Since(start).Seconds(), 0.001)

		unlimited := &conn{}
		start = time.Now()
		for range 10 * frameBurst {
			unlimited.slowDown()
		}
		require.Zero(t, time.Since(start))
	})
}
