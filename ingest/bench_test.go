package ingest

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

func benchmarkOnBoth(b *testing.B, run func(b *testing.B, client redis.UniversalClient)) {
	b.Run("appendfsync=no", func(b *testing.B) { run(b, realRedis(b)) })
	b.Run("appendfsync=always", func(b *testing.B) { run(b, clientOf(b, domaintest.StartRedis(b).Addr)) })
	b.Run("miniredis", func(b *testing.B) { run(b, miniRedis(b)) })
}

// BenchmarkPublisher appends from 256 callers at once.
func BenchmarkPublisher(b *testing.B) {
	benchmarkOnBoth(b, func(b *testing.B, client redis.UniversalClient) {
		p := newPublisher(b, client, PublisherConfig{})
		rooms := [16]domain.RoomID{}
		for i := range rooms {
			rooms[i] = newRoomID()
		}
		var n atomic.Int64
		b.ReportAllocs()
		b.SetParallelism(128)
		b.RunParallel(func(pb *testing.PB) {
			room := rooms[n.Add(1)%16]
			for pb.Next() {
				m := aMessage(room, `{"room":"`+string(room)+`","seq":,"kind":"message.posted","body":"hello, world"}`, MetaSeqAt, "36")
				m.Metadata.Set(MetaKeyField, domain.KeyField("adaaaaaaaaaaaaaaaaaa", m.UUID))
				if err := p.Publish(partition.Log(), m); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	})
}

// BenchmarkService posts messages from 256 callers at once.
func BenchmarkService(b *testing.B) {
	benchmarkOnBoth(b, func(b *testing.B, client redis.UniversalClient) {
		store := domaintest.NewMemoryStore()
		s, err := NewService(Config{
			Publisher: newPublisher(b, client, PublisherConfig{Live: true}), Redis: client, Stream: testStream{client},
			Archive: store, Views: store, Partitions: 1,
		})
		require.NoError(b, err)
		ctx := context.Background()
		room, err := s.CreateRoom(ctx, ada, "tea", domain.Public, "")
		require.NoError(b, err)
		b.ReportAllocs()
		b.SetParallelism(128)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := s.PostMessage(ctx, ada, room.Event.Room, domain.NewID(), "hello, world"); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	})
}
