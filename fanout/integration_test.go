package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/fanout"
)

// A node against a real redis-server that kills its Pub/Sub connections and is
// restarted in the middle, while a projector archives and trims: every subscriber
// gets everything.
func TestHub_realRedis(t *testing.T) {
	t.Parallel()
	const partitions = 4
	r := domaintest.StartRedis(t)
	c := clientOf(t, r.Addr)
	store := domaintest.NewMemoryStore()
	w := &writer{t: t, client: c, store: store, partitions: partitions, hist: domaintest.NewHistory("room", domain.Public)}
	w.posts(1000)
	w.projects()

	bus := busOn(t, clientOf(t, r.Addr), fanout.BusConfig{PingInterval: 200 * time.Millisecond})
	hub := fanout.NewHub(fanout.HubConfig{
		Subscriber: bus,
		Timeline:   fanout.NewTimeline(fanout.NewStream(clientOf(t, r.Addr), partitions), store),
		Access:     &fakeAccess{},
		Topic:      func(id domain.RoomID) string { return domain.PartitionOf(id, partitions).Live(id) },
		Encode:     func(rec domain.Record) []byte { return fmt.Appendf(nil, "%d ", rec.Seq) },
		CheckEvery: 200 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- hub.Run(ctx) }()
	defer func() { cancel(); require.NoError(t, <-ended) }()

	var sinks []*sink
	subscribe := func(from domain.Cursor) {
		s := &sink{t: t, from: from}
		require.Eventually(t, func() bool {
			sub, err := hub.Subscribe(ctx, alice.ID, w.hist.Room, from, s)
			s.sub = sub
			return err == nil
		}, 10*time.Second, 50*time.Millisecond)
		sinks = append(sinks, s)
	}
	for round := range 12 {
		subscribe(live)
		subscribe(after(rand.Uint64N(uint64(len(w.hist.Events)))))
		w.posts(100)
		switch round % 4 {
		case 1:
			require.NoError(t, c.Do(ctx, "client", "kill", "type", "pubsub").Err())
		case 2:
			w.projects()
		case 3:
			r.Restart()
		}
		w.posts(100)
	}
	require.Eventually(t, func() bool {
		for _, s := range sinks {
			if s.has() < uint64(len(w.hist.Events)) {
				return false
			}
		}
		return true
	}, 20*time.Second, 20*time.Millisecond)
	for _, s := range sinks {
		assert.Equal(t, !s.from.Live, s.caughtUp > 0)
		s.sub.Close()
	}
}

// writer appends to a room as ingest does, and archives and trims as the projector does.
type writer struct {
	t          *testing.T
	client     *redis.Client
	store      *domaintest.MemoryStore
	partitions int
	hist       *domaintest.History
	archived   int
}

func (w *writer) posts(n int) {
	from := len(w.hist.Events) + 1
	if from == 2 {
		from = 1 // with the event that created the room
	}
	w.hist.Posts(n)
	p := domain.PartitionOf(w.hist.Room, w.partitions)
	for _, rec := range w.hist.Records(from, 0) {
		require.Eventually(w.t, func() bool {
			err := w.client.Eval(w.t.Context(), `
				if redis.call('HGET', KEYS[2], 'head') == ARGV[2] then return end
				redis.call('XADD', KEYS[1], '0-' .. ARGV[2], 'payload', ARGV[1], 'key', '')
				redis.call('HSET', KEYS[2], 'head', ARGV[2])
				redis.call('PUBLISH', ARGV[3], '\n\n' .. ARGV[1])`,
				[]string{p.Room(w.hist.Room), p.Meta(w.hist.Room)}, rec.Payload, rec.Seq, p.Live(w.hist.Room)).Err()
			return err == nil || errors.Is(err, redis.Nil)
		}, 10*time.Second, 20*time.Millisecond)
	}
}

func (w *writer) projects() {
	records := w.hist.Records(w.archived+1, 0)
	require.NoError(w.t, w.store.Project(w.t.Context(), records))
	w.archived = len(w.hist.Events)
	key := domain.PartitionOf(w.hist.Room, w.partitions).Room(w.hist.Room)
	require.NoError(w.t, w.client.XTrimMinID(w.t.Context(), key, fmt.Sprintf("0-%d", w.archived-20)).Err())
}
