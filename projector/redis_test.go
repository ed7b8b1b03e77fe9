package projector_test

import (
	"context"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"confab/domain"
	"confab/domain/domaintest"
)

// server is a Redis of the test's own.
type server struct {
	addr string
	// elapse lets time to live pass where it does not by itself.
	elapse func(time.Duration)
}

// onBoth runs a test on redis-server and on miniredis.
func onBoth(t *testing.T, test func(t *testing.T, s server)) {
	t.Parallel()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, server{domaintest.StartRedis(t, "--appendfsync", "no").Addr, func(time.Duration) {}})
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		m := miniredis.RunT(t)
		test(t, server{m.Addr(), m.FastForward})
	})
}

// connect returns a client as main configures it.
func connect(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(options(addr))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func options(addr string) *redis.Options {
	return &redis.Options{
		Addr:                     addr,
		MaxRetries:               -1,
		ContextTimeoutEnabled:    true,
		ReadTimeout:              2 * time.Second,
		WriteTimeout:             2 * time.Second,
		PipelinePoolSize:         -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// redisStream is the domain.Stream of the tests: one partition, read by XRANGE.
type redisStream struct{ *redis.Client }

func (s redisStream) Heads(ctx context.Context, rooms ...domain.RoomID) ([]uint64, error) {
	heads := make([]uint64, len(rooms))
	for i, room := range rooms {
		last, err := s.XRevRangeN(ctx, part.Room(room), "+", "-", 1).Result()
		if err != nil {
			return nil, err
		}
		for _, x := range last {
			heads[i] = seqOf(x.ID)
		}
	}
	return heads, nil
}

func (s redisStream) Range(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	entries, err := s.XRangeN(ctx, part.Room(room), id(after+1), "+", int64(limit)).Result()
	if err != nil {
		return nil, err
	}
	records := make([]domain.Record, len(entries))
	for i, x := range entries {
		payload, _ := x.Values["payload"].(string)
		records[i] = domain.Record{Room: room, Seq: seqOf(x.ID), Payload: []byte(payload)}
	}
	return records, nil
}
