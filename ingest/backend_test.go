package ingest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/ingest/embedredis"
)

// onBoth runs a test against a real redis-server and against the embedded one.
func onBoth(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Run("redis-server", func(t *testing.T) { test(t, realRedis(t)) })
	t.Run("miniredis", func(t *testing.T) { test(t, miniRedis(t)) })
}

func realRedis(tb testing.TB) redis.UniversalClient {
	return clientOf(tb, domaintest.StartRedis(tb, "--appendfsync", "no").Addr)
}

func clientOf(tb testing.TB, addr string) redis.UniversalClient {
	c := redis.NewClient(&redis.Options{
		Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func miniRedis(tb testing.TB) redis.UniversalClient {
	s, err := embedredis.Start()
	require.NoError(tb, err)
	c := s.Client()
	tb.Cleanup(func() {
		_ = c.Close()
		_ = s.Close()
	})
	return c
}

func newPublisher(tb testing.TB, client redis.UniversalClient, config PublisherConfig) *Publisher {
	tb.Helper()
	p, err := NewPublisher(client, config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = p.Close() })
	return p
}

// testStream is a domain.Stream as simple as can be.
type testStream struct{ redis redis.UniversalClient }

func (s testStream) Heads(ctx context.Context, rooms ...domain.RoomID) ([]uint64, error) {
	heads := make([]uint64, len(rooms))
	for i, room := range rooms {
		n, err := s.redis.HGet(ctx, partition.Meta(room), "head").Uint64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		heads[i] = n
	}
	return heads, nil
}

func (s testStream) Range(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	entries, err := s.redis.XRangeN(ctx, partition.Room(room), "("+streamID(after), "+", int64(limit)).Result()
	if err != nil {
		return nil, err
	}
	var records []domain.Record
	for _, entry := range entries {
		seq, err := strconv.ParseUint(strings.TrimPrefix(entry.ID, "0-"), 10, 64)
		if err != nil {
			return nil, err
		}
		records = append(records, domain.Record{Room: room, Seq: seq, Payload: []byte(entry.Values["payload"].(string))})
	}
	return records, nil
}

// partition is the only one in these tests.
const partition = domain.Partition(0)

func testContext(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

// aMessage returns a message for the Publisher; more metadata follows in pairs.
func aMessage(room domain.RoomID, payload string, meta ...string) *message.Message {
	m := message.NewMessage(domain.NewID(), []byte(payload))
	m.Metadata.Set(MetaRoom, string(room))
	for i := 0; i < len(meta); i += 2 {
		m.Metadata.Set(meta[i], meta[i+1])
	}
	return m
}

func newRoomID() domain.RoomID { return domain.RoomID(domain.NewID()) }
