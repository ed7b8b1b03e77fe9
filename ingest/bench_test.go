package ingest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

// benchmarkOn runs a benchmark on Redis with and without its append-only file and on
// the embedded one.
func benchmarkOn(b *testing.B, run func(b *testing.B, client redis.UniversalClient)) {
	b.Run("appendonly=no", func(b *testing.B) { run(b, clientOf(b, domaintest.StartRedis(b, "--appendonly", "no").Addr)) })
	b.Run("appendfsync=always", func(b *testing.B) { run(b, clientOf(b, domaintest.StartRedis(b).Addr)) })
	b.Run("miniredis", func(b *testing.B) { run(b, miniRedis(b)) })
}

const benchRooms = 1000

// benchBody has 128 bytes.
var benchBody = strings.Repeat("hello, world! 16", 8)

func benchEvent(room domain.RoomID, key string) domain.Event {
	return domain.Event{
		Room: room, Kind: domain.MessagePosted, ID: domain.NewID(), At: domain.At(time.Now()), Actor: ada, Key: key, Body: benchBody,
	}
}

// BenchmarkAppend appends messages from 1,000 callers, each in a room of its own, as a
// Watermill publisher.
func BenchmarkAppend(b *testing.B) {
	benchmarkOn(b, func(b *testing.B, client redis.UniversalClient) {
		p := newPublisher(b, client, PublisherConfig{Live: true})
		rooms := make([]domain.RoomID, benchRooms)
		for i := range rooms {
			rooms[i] = newRoomID()
		}
		measure(b, client, benchRooms, func(caller int) error {
			room := rooms[caller]
			e := benchEvent(room, domain.NewID())
			payload, at, err := domain.EncodeUnsequenced(e)
			if err != nil {
				return err
			}
			m := aMessage(room, string(payload), MetaSeqAt, strconv.Itoa(at), MetaKeyField, domain.KeyField(ada.ID, e.Key))
			return p.Publish(domain.PartitionOf(room, 16).Log(), m)
		})
	})
}

// BenchmarkPostMessage does the same with commands.
func BenchmarkPostMessage(b *testing.B) {
	benchmarkOn(b, func(b *testing.B, client redis.UniversalClient) {
		s, rooms := benchService(b, client, benchRooms)
		measure(b, client, benchRooms, func(caller int) error {
			_, err := s.PostMessage(context.Background(), ada, rooms[caller], domain.NewID(), benchBody)
			return err
		})
	})
}

// BenchmarkPostMessage_alone is the latency of a message while there are no others.
func BenchmarkPostMessage_alone(b *testing.B) {
	benchmarkOn(b, func(b *testing.B, client redis.UniversalClient) {
		s, rooms := benchService(b, client, 1)
		took := make([]time.Duration, 0, b.N)
		measure(b, client, 1, func(int) error {
			start := time.Now()
			_, err := s.PostMessage(context.Background(), ada, rooms[0], domain.NewID(), benchBody)
			took = append(took, time.Since(start))
			return err
		})
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	})
}

// BenchmarkPostMessage_oneRoom has 256 callers in one room.
func BenchmarkPostMessage_oneRoom(b *testing.B) {
	benchmarkOn(b, func(b *testing.B, client redis.UniversalClient) {
		s, rooms := benchService(b, client, 1)
		measure(b, client, 256, func(int) error {
			_, err := s.PostMessage(context.Background(), ada, rooms[0], domain.NewID(), benchBody)
			return err
		})
	})
}

func benchService(b *testing.B, client redis.UniversalClient, n int) (*Service, []domain.RoomID) {
	store := domaintest.NewMemoryStore()
	s, err := NewService(Config{
		Publisher: newPublisher(b, client, PublisherConfig{Live: true}), Redis: client, Stream: benchStream{testStream{client}},
		Archive: store, Views: store, Partitions: 16,
	})
	require.NoError(b, err)
	rooms := make([]domain.RoomID, n)
	for i := range rooms {
		room, err := s.CreateRoom(context.Background(), ada, "tea", domain.Public, "")
		require.NoError(b, err)
		rooms[i] = room.Event.Room
	}
	return s, rooms
}

// benchStream is never asked.
type benchStream struct{ testStream }

func (benchStream) Range(context.Context, domain.RoomID, uint64, int) ([]domain.Record, error) {
	return nil, fmt.Errorf("nothing of this was in the cache")
}

// measure runs f b.N times from callers at once, and reports what one costs: the CPU time
// of this process and of redis-server, its commands (a script is one, and each of its calls
// another), and the memory that it takes there.
func measure(b *testing.B, client redis.UniversalClient, callers int, f func(caller int) error) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error, callers)
	before := consumed(client)
	b.ResetTimer()
	for caller := range callers {
		go func() {
			for left.Add(-1) >= 0 {
				if err := f(caller); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range callers {
		require.NoError(b, <-done)
	}
	b.StopTimer()
	after, n := consumed(client), float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric((after.self-before.self)*1e6/n, "cpu-us/op")
	if after.redis > 0 {
		b.ReportMetric((after.redis-before.redis)*1e6/n, "redis-us/op")
		b.ReportMetric((after.commands-before.commands)/n, "commands/op")
		b.ReportMetric((after.memory-before.memory)/n, "redis-B/op")
	}
}

type consumption struct{ self, redis, commands, memory float64 }

func consumed(client redis.UniversalClient) (c consumption) {
	var self syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &self)
	c.self = time.Duration(self.Utime.Nano() + self.Stime.Nano()).Seconds()
	info := client.InfoMap(context.Background(), "cpu", "stats", "memory").Val() // nothing of it on miniredis
	number := func(section, name string) float64 {
		n, _ := strconv.ParseFloat(info[section][name], 64)
		return n
	}
	c.redis = number("CPU", "used_cpu_user") + number("CPU", "used_cpu_sys")
	c.commands = number("Stats", "total_commands_processed")
	c.memory = number("Memory", "used_memory")
	return c
}

// BenchmarkRateLimit asks for 1,000 users in turn.
func BenchmarkRateLimit(b *testing.B) {
	l, users, now := newRateLimit(1e6, 1e6), make([]domain.UserID, 1000), time.Now()
	for i := range users {
		users[i] = domain.UserID(domain.NewID())
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Millisecond)
		if err := l.allow(users[i%len(users)], now); err != nil {
			b.Fatal(err)
		}
	}
}
