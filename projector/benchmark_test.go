package projector_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector"
	"confab/projector/sqlite"
)

// BenchmarkProjector measures the way from the log to the disk, and beside it, in the
// same run, what the same store takes when the same events are only inserted: into the
// archive alone (plain), and into every table that Project fills (rows).
func BenchmarkProjector(b *testing.B) {
	for _, partitions := range []int{1, 16} {
		b.Run(fmt.Sprintf("sqlite/%d partitions", partitions), func(b *testing.B) {
			records := conversation(64, 40_000)
			var project, plain, rows time.Duration
			for b.Loop() {
				plain += inserted(b, records, false)
				rows += inserted(b, records, true)
				project += projected(b, records, partitions)
			}
			rate := func(d time.Duration) float64 { return float64(b.N*len(records)) / d.Seconds() }
			b.ReportMetric(0, "ns/op") // of preparing, mostly
			b.ReportMetric(rate(project), "events/s")
			b.ReportMetric(rate(plain), "plain/s")
			b.ReportMetric(rate(rows), "rows/s")
			b.ReportMetric(rate(project)/rate(plain), "of-plain")
			b.ReportMetric(rate(project)/rate(rows), "of-rows")
		})
	}
}

// conversation returns n events of some rooms, mixed as a log has them.
func conversation(rooms, n int) []domain.Record {
	histories := make([]*domaintest.History, rooms)
	for i := range histories {
		histories[i] = domaintest.NewHistory(fmt.Sprint("room ", i), domain.Public)
	}
	records := make([]domain.Record, n)
	for i := range records {
		h := histories[i%rooms]
		e := h.Events[0]
		if i >= rooms {
			// A key as our app makes them: a UUIDv7.
			e = h.Add(domain.Event{Kind: domain.MessagePosted, Actor: h.Owner, Body: fmt.Sprintf("%0128d", i),
				Key: fmt.Sprintf("01890a5d-%04x-7%03x-8%03x-%012x", i>>12, i&0xfff, rand.N(0x1000), rand.N(1<<48))})
		}
		records[i] = domaintest.RecordOf(e)
	}
	return records
}

// projected returns how long a projector takes for a log that holds the records.
func projected(b *testing.B, records []domain.Record, partitions int) time.Duration {
	server := domaintest.StartRedis(b, "--appendfsync", "no")
	defer server.Kill()
	client := redis.NewClient(options(server.Addr))
	defer client.Close()
	for from := 0; from < len(records); from += 1000 {
		_, err := client.Pipelined(b.Context(), func(p redis.Pipeliner) error {
			for _, rec := range records[from:min(from+1000, len(records))] {
				p.XAdd(b.Context(), &redis.XAddArgs{Stream: domain.PartitionOf(rec.Room, partitions).Log(),
					Values: []any{"_watermill_message_uuid", "0123456789abcdefghij", "metadata", "", "payload", rec.Payload}})
			}
			return nil
		})
		require.NoError(b, err)
	}
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "history.db"))
	require.NoError(b, err)
	defer store.Close()
	done, left := make(chan struct{}), atomic.Int64{}
	left.Store(int64(len(records)))
	p, err := projector.New(projector.Config{
		Redis: client, Blocking: client, Store: store, Stream: redisStream{client}, Partitions: partitions,
		Committed: func(_ context.Context, records []domain.Record) error {
			if left.Add(-int64(len(records))) == 0 {
				close(done)
			}
			return nil
		},
	})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		_ = p.Run(ctx)
	}()
	<-done
	took := time.Since(began)
	cancel()
	<-ended
	return took
}

// inserted returns how long plain inserts of the records take, in transactions as large
// as the projector's batches: of the events alone, or of all rows they lead to.
func inserted(b *testing.B, records []domain.Record, all bool) time.Duration {
	path := filepath.Join(b.TempDir(), "history.db")
	store, err := sqlite.Open(b.Context(), path) // makes the tables
	require.NoError(b, err)
	require.NoError(b, store.Close())
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(4000)&_pragma=cache_size(-32000)")
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	prepare := func(query string) *sql.Stmt {
		stmt, err := db.Prepare(query)
		require.NoError(b, err)
		return stmt
	}
	exec := func(stmt *sql.Stmt, args ...any) {
		_, err := stmt.Exec(args...)
		require.NoError(b, err)
	}
	begin, commit := prepare("BEGIN IMMEDIATE"), prepare("COMMIT")
	event := prepare("INSERT INTO events VALUES (?, ?, ?)")
	key := prepare("INSERT INTO keys VALUES (?, ?, ?, ?)")
	events := make([]domain.Event, len(records))
	for i, rec := range records {
		events[i], err = rec.Event()
		require.NoError(b, err)
	}
	const size = 2000 // as the projector's batches
	began := time.Now()
	for i, rec := range records {
		if i%size == 0 {
			exec(begin)
		}
		exec(event, string(rec.Room), rec.Seq, rec.Payload)
		if e := events[i]; all {
			exec(key, string(e.Room), string(e.Actor.ID), e.Key, e.Seq)
		}
		if i%size == size-1 || i == len(records)-1 {
			exec(commit)
		}
	}
	return time.Since(began)
}
