package projector_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongoptions "go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector"
	"confab/projector/mongodb"
	"confab/projector/mongodb/mongotest"
	"confab/projector/sqlite"
)

// BenchmarkProjector measures the way from the log to the store, and beside it, in the
// same run, what the same store takes when the same events are only inserted: into the
// archive alone (plain), and with all the rows that come with each (rows).
func BenchmarkProjector(b *testing.B) {
	onSQLite := func(b *testing.B) domain.Store {
		store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "history.db"))
		require.NoError(b, err)
		return store
	}
	onMongoDB := func(b *testing.B) domain.Store {
		store, err := mongodb.Open(b.Context(), mongotest.Server(b))
		require.NoError(b, err)
		return store
	}
	for _, on := range []struct {
		store      string
		open       func(*testing.B) domain.Store
		inserted   func(*testing.B, []domain.Record, bool) time.Duration
		partitions int
		records    int
	}{
		{"sqlite", onSQLite, insertedIntoSQLite, 1, 40_000},
		{"sqlite", onSQLite, insertedIntoSQLite, 16, 40_000},
		{"mongodb", onMongoDB, insertedIntoMongoDB, 16, 10_000},
	} {
		b.Run(fmt.Sprintf("%s/%d partitions", on.store, on.partitions), func(b *testing.B) {
			records := conversation(64, on.records)
			var project, plain, rows time.Duration
			for b.Loop() {
				plain += on.inserted(b, records, false)
				rows += on.inserted(b, records, true)
				project += projected(b, records, on.partitions, on.open(b))
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

// BenchmarkLag measures how long after its append an event is on disk, while 10,000 a
// second flow.
func BenchmarkLag(b *testing.B) {
	const rooms, partitions, atOnce, interval = 64, 16, 50, 5 * time.Millisecond
	records := conversation(rooms, 40_000)
	index := map[string]int{}
	for i, rec := range records {
		index[string(rec.Payload)] = i
	}
	var lags []time.Duration
	for b.Loop() {
		l := newLog(b, partitions)
		appended, lag := make([]time.Time, len(records)), make([]time.Duration, len(records))
		store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "history.db"))
		require.NoError(b, err)
		wait := l.project(b, store, len(records), func(committed []domain.Record) {
			now := time.Now()
			for _, rec := range committed {
				i := index[string(rec.Payload)]
				lag[i] = now.Sub(appended[i])
			}
		})
		tick := time.NewTicker(interval)
		for from := 0; from < len(records); from += atOnce {
			now := <-tick.C
			for i := from; i < from+atOnce; i++ {
				appended[i] = now
			}
			l.append(b, records[from:from+atOnce])
		}
		tick.Stop()
		wait()
		lags = append(lags, lag...)
	}
	slices.Sort(lags)
	ms := func(q float64) float64 { return lags[int(q*float64(len(lags)-1))].Seconds() * 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(.5), "p50-ms")
	b.ReportMetric(ms(.99), "p99-ms")
	b.ReportMetric(ms(1), "max-ms")
}

// projected returns how long a projector takes for a log that holds the records.
func projected(b *testing.B, records []domain.Record, partitions int, store domain.Store) time.Duration {
	l := newLog(b, partitions)
	for batch := range slices.Chunk(records, 1000) {
		l.append(b, batch)
	}
	began := time.Now()
	l.project(b, store, len(records), func([]domain.Record) {})()
	return time.Since(began)
}

// partitionedLog is the log of all partitions, in a redis-server of its own.
type partitionedLog struct {
	*redis.Client
	partitions int
}

func newLog(b *testing.B, partitions int) partitionedLog {
	client := redis.NewClient(options(domaintest.StartRedis(b, "--appendfsync", "no").Addr))
	b.Cleanup(func() { _ = client.Close() })
	return partitionedLog{client, partitions}
}

func (l partitionedLog) append(b *testing.B, records []domain.Record) {
	_, err := l.Pipelined(b.Context(), func(p redis.Pipeliner) error {
		for _, rec := range records {
			p.XAdd(b.Context(), &redis.XAddArgs{Stream: domain.PartitionOf(rec.Room, l.partitions).Log(),
				Values: []any{"_watermill_message_uuid", "0123456789abcdefghij", "metadata", "", "payload", rec.Payload}})
		}
		return nil
	})
	require.NoError(b, err)
}

// project starts a projector onto a store, for as long as the benchmark runs. What it
// returns waits until n records are committed.
func (l partitionedLog) project(b *testing.B, store domain.Store, n int, committed func([]domain.Record)) (wait func()) {
	done, left := make(chan struct{}), atomic.Int64{}
	left.Store(int64(n))
	p, err := projector.New(projector.Config{
		Redis: l.Client, Store: store, Stream: redisStream{l.Client}, Partitions: l.partitions,
		Committed: func(_ context.Context, records []domain.Record) error {
			committed(records)
			if left.Add(-int64(len(records))) == 0 {
				close(done)
			}
			return nil
		},
	})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Run(ctx)
	}()
	b.Cleanup(func() {
		cancel()
		<-ended
		require.NoError(b, store.Close())
	})
	return func() { <-done }
}

const batchSize = 2000 // as the projector's batches

// insertedIntoSQLite returns how long plain inserts of the records take, in transactions
// of a batch: of the events alone, or of all rows they lead to.
func insertedIntoSQLite(b *testing.B, records []domain.Record, all bool) time.Duration {
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
	exec(prepare("CREATE TABLE plain (room TEXT, seq INTEGER, payload BLOB, PRIMARY KEY (room, seq)) WITHOUT ROWID"))
	begin, commit := prepare("BEGIN IMMEDIATE"), prepare("COMMIT")
	event := prepare("INSERT INTO plain VALUES (?, ?, ?)")
	key := prepare("INSERT INTO keys VALUES (?, ?, ?, ?)")
	events := make([]domain.Event, len(records))
	for i, rec := range records {
		events[i], err = rec.Event()
		require.NoError(b, err)
	}
	began := time.Now()
	for i, rec := range records {
		if i%batchSize == 0 {
			exec(begin)
		}
		exec(event, string(rec.Room), rec.Seq, rec.Payload)
		if e := events[i]; all {
			exec(key, string(e.Room), string(e.Actor.ID), e.Key, e.Seq)
		}
		if i%batchSize == batchSize-1 || i == len(records)-1 {
			exec(commit)
		}
	}
	return time.Since(began)
}

// insertedIntoMongoDB is insertedIntoSQLite for the other store.
func insertedIntoMongoDB(b *testing.B, records []domain.Record, all bool) time.Duration {
	uri := mongotest.Server(b)
	parsed, err := connstring.Parse(uri)
	require.NoError(b, err)
	journal := true
	client, err := mongo.Connect(mongoptions.Client().ApplyURI(uri).
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journal}))
	require.NoError(b, err)
	defer func() { _ = client.Disconnect(context.Background()) }()
	insert := func(collection string, docs []bson.D) {
		_, err := client.Database(parsed.Database).Collection(collection).InsertMany(b.Context(), docs)
		require.NoError(b, err)
	}
	var took time.Duration
	for batch := range slices.Chunk(records, batchSize) {
		var events, messages, keys []bson.D
		for _, rec := range batch {
			e, err := rec.Event()
			require.NoError(b, err)
			position := fmt.Sprintf("%s:%020d", e.Room, e.Seq)
			events = append(events, bson.D{{Key: "_id", Value: position}, {Key: "data", Value: rec.Payload}})
			messages = append(messages, bson.D{
				{Key: "_id", Value: position}, {Key: "seq", Value: e.Seq}, {Key: "id", Value: e.ID}, {Key: "key", Value: e.Key},
				{Key: "at", Value: e.At.Time}, {Key: "author", Value: e.Actor.ID}, {Key: "author_name", Value: e.Actor.Name},
				{Key: "author_guest", Value: e.Actor.Guest}, {Key: "body", Value: e.Body},
			})
			keys = append(keys, bson.D{{Key: "_id", Value: fmt.Sprintf("%s:%s:%s", e.Room, e.Actor.ID, e.Key)}, {Key: "seq", Value: e.Seq}})
		}
		began := time.Now()
		insert("events", events)
		if all {
			insert("messages", messages)
			insert("keys", keys)
		}
		took += time.Since(began)
	}
	return took
}

// BenchmarkPath measures what the way of an event from Redis' reply to Store.Project
// costs in this process, with as many events in a reply as a busy server has. One
// iteration is one reply; the metrics are of one event.
func BenchmarkPath(b *testing.B) {
	const atOnce = 32
	l := newLog(b, 1)
	rooms := make([]any, 8)
	for i := range rooms {
		rooms[i] = string(newRoom())
	}
	// Makes the events in Redis, so that they cost this process next to nothing.
	appendAll := redis.NewScript(`
		for i = 0, tonumber(ARGV[1]) - 1 do
			local seq = string.format('%d', math.floor((ARGV[2] + i) / 8) + 1)
			redis.call('XADD', KEYS[1], '*', '_watermill_message_uuid', '0123456789abcdefghij', 'metadata', '', 'payload',
				'{"room":"' .. ARGV[3 + i % 8] .. '","seq":' .. seq .. ARGV[11])
		end`)
	rec, err := domain.EncodeEvent(domain.Event{Room: newRoom(), Seq: 1, Kind: domain.MessagePosted, ID: domain.NewID(),
		At: domain.At(time.Now()), Actor: ada, Key: "01890a5d-0000-7000-8000-000000000000", Body: strings.Repeat("x", 128)})
	require.NoError(b, err)
	rest := "," + string(rec.Tail())

	committed := make(chan int, 1024)
	l.project(b, idleStore{domaintest.NewMemoryStore()}, -1, func(records []domain.Record) { committed <- len(records) })
	n := 0
	reply := func() {
		args := append([]any{atOnce, n}, append(rooms[:8:8], rest)...)
		require.ErrorIs(b, appendAll.Run(b.Context(), l, []string{part.Log()}, args...).Err(), redis.Nil)
		n += atOnce
		for left := atOnce; left > 0; {
			left -= <-committed
		}
	}
	reply() // has taken the partition, and loaded the script
	var before, after runtime.MemStats
	var cpuBefore, cpuAfter syscall.Rusage
	b.ReportAllocs()
	runtime.ReadMemStats(&before)
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &cpuBefore))
	from := n
	for b.Loop() {
		reply()
	}
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &cpuAfter))
	runtime.ReadMemStats(&after)
	each := func(total float64) float64 { return total / float64(n-from) }
	cpu := func(r syscall.Rusage) float64 { return float64(r.Utime.Nano() + r.Stime.Nano()) }
	b.ReportMetric(each(float64(after.Mallocs-before.Mallocs)), "objects/event")
	b.ReportMetric(each(float64(after.TotalAlloc-before.TotalAlloc)), "B/event")
	b.ReportMetric(each(cpu(cpuAfter)-cpu(cpuBefore)), "cpu-ns/event")
}

// idleStore takes everything and keeps nothing.
type idleStore struct{ domain.Store }

func (idleStore) Applied(context.Context, domain.RoomID) (uint64, error) { return 0, nil }
func (idleStore) Project(context.Context, []domain.Record) error         { return nil }
