package projector

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"

	"confab/domain"
)

const ttl = 4 * time.Second

// inBubble runs a test on a clock that moves only when everybody waits.
func inBubble(t *testing.T, test func(t *testing.T, client *redis.Client, cut func())) {
	synctest.Test(t, func(t *testing.T) {
		m := miniredis.NewMiniRedis()
		m.ClockTTL(true)
		defer m.Close()
		client := redis.NewClient(&redis.Options{
			Dialer:     func(context.Context, string, string) (net.Conn, error) { return m.Dial() },
			MaxRetries: -1, ContextTimeoutEnabled: true, PipelinePoolSize: -1,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		})
		defer client.Close()
		test(t, client, func() { m.SetError("LOADING") })
	})
}

func mustAcquire(t *testing.T, l *lease, want bool) {
	t.Helper()
	got, err := l.acquire(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestLease_oneHolder(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ func()) {
		a, b := newLease(client, 0, ttl), newLease(client, 0, ttl)
		mustAcquire(t, a, true)
		mustAcquire(t, a, true) // a lost reply: asking again is fine
		mustAcquire(t, b, false)
		require.True(t, a.valid())
		require.False(t, b.valid())

		b.release(t.Context()) // not b's to give
		mustAcquire(t, b, false)
		a.release(t.Context())
		require.False(t, a.valid())
		mustAcquire(t, b, true)
	})
}

func TestLease_heldWhileRenewed(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ func()) {
		a, b := newLease(client, 0, ttl), newLease(client, 0, ttl)
		mustAcquire(t, a, true)
		// Ends between two renewals: one at the very instant would run into the deadline.
		ctx, stop := context.WithTimeout(t.Context(), time.Minute+ttl/8)
		defer stop()
		a.hold(ctx, func(err error) { require.NoError(t, err) })
		require.Error(t, ctx.Err(), "held for all of the minute")
		mustAcquire(t, b, false)
	})
}

func TestLease_holderThatCannotRenewNoticesBeforeItExpires(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, cut func()) {
		a := newLease(client, 0, ttl)
		began := time.Now()
		mustAcquire(t, a, true)
		cut()
		failures := 0
		a.hold(t.Context(), func(err error) {
			if err != nil {
				failures++
			}
		})
		require.False(t, a.valid())
		require.LessOrEqual(t, time.Since(began), ttl)
		require.NotZero(t, failures)
	})
}

// The clock of Redis is an hour ahead while a holder renews, then it is right again,
// and the holder is dead.
func TestLease_clockOfRedisSetBack(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ func()) {
		dead, heir := newLease(client, 0, ttl), newLease(client, 0, ttl)
		mustAcquire(t, dead, true)
		require.NoError(t, client.PExpire(t.Context(), dead.key, time.Hour).Err())
		mustAcquire(t, heir, false)
		time.Sleep(2*ttl + time.Millisecond) // synctest: the lease runs out
		mustAcquire(t, heir, true)
	})
}

func TestLease_pausedHolder(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ func()) {
		a, b := newLease(client, 0, ttl), newLease(client, 0, ttl)
		mustAcquire(t, a, true)
		time.Sleep(ttl - time.Millisecond) // synctest: the lease ages
		require.True(t, a.valid())
		time.Sleep(time.Millisecond) // synctest: the lease ages
		require.False(t, a.valid())
		mustAcquire(t, b, true)
		held, err := a.renew(t.Context())
		require.NoError(t, err)
		require.False(t, held)
		b.release(t.Context())
		held, err = a.renew(t.Context())
		require.NoError(t, err)
		require.False(t, held, "a renewal must not take it back: what happened meanwhile is unknown")
	})
}

func TestLease_seizedFromItsHolder(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ func()) {
		a, b := newLease(client, 0, ttl), newLease(client, 0, ttl)
		mustAcquire(t, a, true)
		began := time.Now()
		noticed := make(chan time.Duration, 1)
		go func() {
			a.hold(t.Context(), func(error) {})
			noticed <- time.Since(began)
		}()
		require.NoError(t, b.seize(t.Context()))
		require.False(t, a.valid())
		require.True(t, b.valid())
		require.LessOrEqual(t, <-noticed, ttl/4)

		b.release(t.Context())
		began = time.Now()
		require.NoError(t, b.seize(t.Context()))
		require.Zero(t, time.Since(began), "nobody had it, nobody to wait for")
	})
}

// A former owner, whatever it still believes, trims nothing.
func TestTrim_isFenced(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ func()) {
		ctx := t.Context()
		p, err := New(Config{Redis: client, Store: nowhere{}, Stream: nowhere{}, Partitions: 1})
		require.NoError(t, err)
		former, owner := newLease(client, 0, ttl), newLease(client, 0, ttl)
		mustAcquire(t, owner, true)
		for range 5 {
			client.XAdd(ctx, &redis.XAddArgs{Stream: "confab:{0}:room:r", ID: "0-*", Values: []string{"payload", "", "key", ""}})
		}
		client.HSet(ctx, "confab:{0}:meta:r", "since", 1, "head", 5)

		w := newWorker(p, 0, former, p.cfg.Logger, nil)
		require.ErrorIs(t, w.trimRoom(ctx, "r", 4), errLeaseLost)
		require.EqualValues(t, 5, client.XLen(ctx, "confab:{0}:room:r").Val())
		w.lease = owner
		require.NoError(t, w.trimRoom(ctx, "r", 4))
		require.EqualValues(t, 2, client.XLen(ctx, "confab:{0}:room:r").Val())
	})
}

// insist backs off from 0.1 to 5 s and never gives up, until it may not go on.
func TestWorker_insists(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ func()) {
		p, err := New(Config{Redis: client, Store: nowhere{}, Stream: nowhere{}, Partitions: 1})
		require.NoError(t, err)
		l := newLease(client, 0, 2*time.Hour)
		mustAcquire(t, l, true)
		stopping := make(chan struct{})
		w := newWorker(p, 0, l, p.cfg.Logger, stopping)

		began, tries := time.Now(), 0
		err = w.insist(t.Context(), w.store, func(context.Context) error {
			if tries++; time.Since(began) > time.Hour {
				return nil
			}
			return errors.New("away")
		})
		require.NoError(t, err)
		require.InDelta(t, 3600/3.75, tries, 100, "about one try in 3.75 s")

		err = w.insist(t.Context(), w.store, func(context.Context) error { close(stopping); return errors.New("away") })
		require.ErrorContains(t, err, "away")

		time.Sleep(2 * time.Hour) // synctest: the lease ages
		err = w.insist(t.Context(), w.store, func(context.Context) error { t.Error("called without the lease"); return nil })
		require.ErrorIs(t, err, errLeaseLost)
	})
}

// nowhere stands where a store or a stream is needed and never asked.
type nowhere struct{ Store }

func (nowhere) Heads(context.Context, ...domain.RoomID) ([]uint64, error) { return nil, nil }
