package projector_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector"
)

const part = domain.Partition(0) // the only one in most tests

var ada = domain.User{ID: domain.UserID(domain.NewID()), Name: "Ada"}

func id(seq uint64) string { return "0-" + strconv.FormatUint(seq, 10) }

func seqOf(id string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(id, "0-"), 10, 64)
	return n
}

// fixture is a Redis with rooms in it, a store, and projectors between them.
type fixture struct {
	keyOf func(seq uint64) string // of next; nil: key-<seq>
	t     *testing.T
	s     server
	redis *redis.Client
	store *domaintest.MemoryStore
	heads map[domain.RoomID]uint64
}

func newFixture(t *testing.T, s server) *fixture {
	return &fixture{t: t, s: s, redis: connect(t, s.addr), store: domaintest.NewMemoryStore(), heads: map[domain.RoomID]uint64{}}
}

// says appends n messages to a room, as ingest's script does.
func (f *fixture) says(room domain.RoomID, n int) []domain.Record {
	f.t.Helper()
	records := make([]domain.Record, n)
	for i := range records {
		records[i] = f.next(room)
		f.toRoom(records[i])
		f.toLog(records[i])
	}
	return records
}

// next makes the room's next event, without appending it anywhere.
func (f *fixture) next(room domain.RoomID) domain.Record {
	f.t.Helper()
	f.heads[room]++
	seq := f.heads[room]
	e := domain.Event{Room: room, Seq: seq, Kind: domain.MessagePosted, ID: domain.NewID(), At: domain.At(time.Now()),
		Actor: ada, Key: fmt.Sprintf("key-%d", seq), Body: fmt.Sprintf("message %d", seq)}
	if f.keyOf != nil {
		e.Key = f.keyOf(seq)
	}
	if seq == 1 {
		e.Kind, e.Body, e.Name, e.Visibility = domain.RoomCreated, "", "a room", domain.Public
	}
	rec, err := domain.EncodeEvent(e)
	require.NoError(f.t, err)
	return rec
}

func (f *fixture) toRoom(rec domain.Record) {
	f.t.Helper()
	e, err := rec.Event()
	require.NoError(f.t, err)
	ctx, key := f.t.Context(), domain.KeyField(e.Actor.ID, e.Key)
	require.NoError(f.t, f.redis.XAdd(ctx, &redis.XAddArgs{Stream: part.Room(rec.Room), ID: id(rec.Seq),
		Values: []string{"payload", string(rec.Payload), "key", key}}).Err())
	require.NoError(f.t, f.redis.HSet(ctx, part.Meta(rec.Room), "head", rec.Seq, key, rec.Seq).Err())
	require.NoError(f.t, f.redis.HSetNX(ctx, part.Meta(rec.Room), "since", 1).Err())
}

func (f *fixture) toLog(rec domain.Record) {
	f.t.Helper()
	f.log("_watermill_message_uuid", domain.NewID(), "metadata", "", "payload", string(rec.Payload))
}

// log appends an entry of any fields.
func (f *fixture) log(fields ...string) string {
	f.t.Helper()
	id, err := f.redis.XAdd(f.t.Context(), &redis.XAddArgs{Stream: part.Log(), Values: fields}).Result()
	require.NoError(f.t, err)
	return id
}

func (f *fixture) config() projector.Config {
	client := connect(f.t, f.s.addr)
	return projector.Config{
		Redis: client, Store: f.store, Stream: redisStream{client}, Partitions: 1,
		Block: 50 * time.Millisecond, LeaseTTL: 800 * time.Millisecond,
	}
}

// running is a projector at work.
type running struct {
	*projector.Projector
	t      *testing.T
	client *redis.Client
	cancel context.CancelFunc
	ended  chan struct{}
}

func (f *fixture) start(change ...func(*projector.Config)) *running {
	f.t.Helper()
	cfg := f.config()
	for _, c := range change {
		c(&cfg)
	}
	p, err := projector.New(cfg)
	require.NoError(f.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{p, f.t, cfg.Redis.(*redis.Client), cancel, make(chan struct{})}
	go func() {
		defer close(r.ended)
		_ = p.Run(ctx)
	}()
	f.t.Cleanup(r.stop)
	return r
}

// stop ends the projector as SIGTERM does.
func (r *running) stop() {
	r.cancel()
	<-r.ended
}

// kill ends the projector so that, like after a SIGKILL, Redis hears no more of it.
func (r *running) kill() {
	_ = r.client.Close()
	r.stop()
}

// archived waits until the store has these records of a room, and all views too.
func (f *fixture) archived(want []domain.Record) {
	f.t.Helper()
	room := want[0].Room
	f.eventually("room is archived up to its head", func() bool {
		f.s.elapse(20 * time.Millisecond)
		applied, err := f.store.Applied(f.t.Context(), room)
		return err == nil && applied >= want[len(want)-1].Seq
	})
	got, err := f.store.Range(f.t.Context(), room, want[0].Seq-1, len(want))
	require.NoError(f.t, err)
	require.Equal(f.t, len(want), len(got))
	for i := range want {
		require.Equal(f.t, string(want[i].Payload), string(got[i].Payload))
	}
}

// acked waits until nothing of the log is left to do.
func (f *fixture) acked() {
	f.t.Helper()
	f.eventually("all of the log is acked and trimmed", func() bool {
		f.s.elapse(20 * time.Millisecond)
		groups, err := f.redis.XInfoGroups(f.t.Context(), part.Log()).Result()
		if err != nil || len(groups) != 1 || groups[0].Pending > 0 {
			return false
		}
		n, err := f.redis.XLen(f.t.Context(), part.Log()).Result()
		return err == nil && n <= 1
	})
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	require.Eventually(f.t, ok, 20*time.Second, 20*time.Millisecond, what)
}

// roomStream returns the seqs of the room's stream.
func (f *fixture) roomStream(room domain.RoomID) []uint64 {
	f.t.Helper()
	records, err := redisStream{f.redis}.Range(f.t.Context(), room, 0, 1<<20)
	require.NoError(f.t, err)
	seqs := make([]uint64, len(records))
	for i, rec := range records {
		seqs[i] = rec.Seq
	}
	return seqs
}

func newRoom() domain.RoomID { return domain.RoomID(domain.NewID()) }

// watchedStore counts, and does to Project what the test says.
type watchedStore struct {
	*domaintest.MemoryStore
	project func(ctx context.Context, batch []domain.Record) error // nil: the store's

	mu      sync.Mutex
	batches []int
	at      int // calls running now
	overlap bool
}

func (s *watchedStore) Project(ctx context.Context, batch []domain.Record) error {
	s.mu.Lock()
	s.batches = append(s.batches, len(batch))
	s.at++
	s.overlap = s.overlap || s.at > 1
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.at--; s.mu.Unlock() }()
	if s.project != nil {
		return s.project(ctx, batch)
	}
	return s.MemoryStore.Project(ctx, batch)
}

// logBook is a log that a test reads.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

var errAway = errors.New("away")
