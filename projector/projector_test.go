package projector_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector"
)

func TestProjector_projectsABacklogInBatches(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		a, b := newRoom(), newRoom()
		inA, inB := f.says(a, 300), f.says(b, 300)
		inA = append(inA, f.says(a, 300)...)

		store := &watchedStore{MemoryStore: f.store}
		p := f.start(func(c *projector.Config) { c.Store = store; c.BatchSize = 100 })
		f.archived(inA)
		f.archived(inB)
		f.acked()
		require.NoError(t, p.Ready())

		p.stop()
		require.LessOrEqual(t, len(store.batches), 100, "900 entries, in batches")
		for _, n := range store.batches {
			require.LessOrEqual(t, n, 100)
		}
	})
}

func TestProjector_tellsWhatIsCommittedInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		var mu sync.Mutex
		var seqs []uint64
		f.start(func(c *projector.Config) {
			c.Committed = func(ctx context.Context, records []domain.Record) error {
				mu.Lock()
				defer mu.Unlock()
				for _, rec := range records {
					head, err := f.store.Applied(ctx, rec.Room)
					require.NoError(t, err)
					require.GreaterOrEqual(t, head, rec.Seq, "told before it was durable")
					seqs = append(seqs, rec.Seq)
				}
				return errAway // changes nothing
			}
		})
		f.archived(f.says(room, 50))
		f.acked()
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, seqs, 50)
		for i, seq := range seqs {
			require.EqualValues(t, i+1, seq)
		}
	})
}

func TestProjector_killedBetweenCommitAndAck(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		want := f.says(newRoom(), 200)
		committed := make(chan struct{})
		store := &watchedStore{MemoryStore: f.store, project: func(ctx context.Context, batch []domain.Record) error {
			_ = f.store.Project(ctx, batch)
			close(committed)
			<-ctx.Done()
			return ctx.Err()
		}}
		first := f.start(func(c *projector.Config) { c.Store = store; c.BatchSize = 50 })
		<-committed
		first.kill()
		require.NotZero(t, f.pending())

		f.start()
		f.archived(want)
		f.acked()
	})
}

func TestProjector_killedInTheMiddleOfABatch(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		want := f.says(newRoom(), 200)
		half := make(chan struct{})
		store := &watchedStore{MemoryStore: f.store, project: func(ctx context.Context, batch []domain.Record) error {
			_ = f.store.Project(ctx, batch[:len(batch)/2])
			close(half)
			<-ctx.Done()
			return ctx.Err()
		}}
		first := f.start(func(c *projector.Config) { c.Store = store })
		<-half
		first.kill()

		f.start()
		f.archived(want)
		f.acked()
	})
}

func (f *fixture) pending() int64 {
	f.t.Helper()
	x, err := f.redis.XPending(f.t.Context(), part.Log(), projector.Group).Result()
	require.NoError(f.t, err)
	return x.Count
}

func TestProjector_twoAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		store := &watchedStore{MemoryStore: f.store}
		with := func(c *projector.Config) { c.Store = store; c.BatchSize = 10 }
		f.start(with)
		f.start(with)
		var want []domain.Record
		room := newRoom()
		for range 20 {
			want = append(want, f.says(room, 20)...)
			f.archived(want)
		}
		f.acked()
		store.mu.Lock()
		defer store.mu.Unlock()
		require.False(t, store.overlap, "both worked on one partition")
	})
}

func TestProjector_takesOverWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, server{domaintest.StartRedis(t).Addr, func(time.Duration) {}})
	byDefault := func(c *projector.Config) { c.LeaseTTL = 0 }
	first := f.start(byDefault)
	room := newRoom()
	want := f.says(room, 10)
	f.archived(want)

	f.start(byDefault)
	first.kill()
	want = append(want, f.says(room, 10)...)
	died := time.Now()
	f.archived(want)
	require.Less(t, time.Since(died), 5*time.Second)
}

func TestProjector_gracefulStopGivesThePartitionBack(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		first := f.start(func(c *projector.Config) { c.LeaseTTL = time.Minute })
		f.archived(f.says(newRoom(), 10))
		first.stop()
		require.Zero(t, f.redis.Exists(t.Context(), part.Lease()).Val())
		require.Zero(t, f.pending(), "what was projected was acked")
	})
}

// A process that was stopped for longer than its lease finds out by its own clock
// before it writes again; and what it had begun does no harm.
func TestProjector_pausedOwner(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		paused, resume := make(chan struct{}), make(chan struct{})
		var once sync.Once
		var late []int
		store := &watchedStore{MemoryStore: f.store}
		store.project = func(ctx context.Context, batch []domain.Record) error {
			once.Do(func() { close(paused); <-resume })
			late = append(late, len(batch))
			return f.store.Project(context.WithoutCancel(ctx), batch)
		}
		first := f.start(func(c *projector.Config) { c.Store = store; c.BatchSize = 10 })
		want := f.says(room, 10)
		<-paused
		want = append(want, f.says(room, 30)...)
		_ = first.client.Close() // its renewals stop, as in a stopped process

		f.start()
		f.archived(want)
		close(resume)
		first.stop()
		require.Len(t, late, 1, "only the call that was on its way")
		f.archived(want)
		f.acked()
	})
}

func TestProjector_storeAwayAndBack(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		book := &logBook{}
		metrics := prometheus.NewRegistry()
		p := f.start(func(c *projector.Config) { c.Logger, c.Registerer, c.HotWindow = book.logger(), metrics, 10 })
		room := newRoom()
		want := f.says(room, 5)
		f.archived(want)

		f.store.Fail(errAway)
		want = append(want, f.says(room, 100)...)
		f.eventually("not ready", func() bool { return p.Ready() != nil })
		require.ErrorIs(t, p.Ready(), errAway)
		f.eventually("the log was looked at", func() bool { return gauge(t, metrics, "confab_projector_pending_entries") >= 100 })
		f.eventually("the lag is told", func() bool { return gauge(t, metrics, "confab_projector_log_entries") >= 100 })
		require.GreaterOrEqual(t, f.redis.XLen(t.Context(), part.Log()).Val(), int64(100), "the log keeps the backlog")
		require.Len(t, f.roomStream(room), 105, "nothing is trimmed before it is archived")

		f.store.Fail(nil)
		f.archived(want)
		f.acked()
		f.eventually("ready", func() bool { return p.Ready() == nil })
		f.eventually("trimmed", func() bool { return len(f.roomStream(room)) == 10 })
		require.Equal(t, 1, strings.Count(book.String(), "msg=\"not reachable; nothing is lost, trying again\" what=\"the store\""), book.String())
		require.Equal(t, 1, strings.Count(book.String(), "msg=\"reachable again\" what=\"the store\""), book.String())
	})
}

func TestProjector_flushedRedis(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.start()
		room := newRoom()
		want := f.says(room, 20)
		f.archived(want)
		require.NoError(t, f.redis.FlushAll(t.Context()).Err())
		want = append(want, f.says(room, 20)...) // ingest has put the head back
		f.archived(want)
		f.acked()
	})
}

func TestProjector_redisRestarts(t *testing.T) {
	t.Parallel()
	redis := domaintest.StartRedis(t)
	f := newFixture(t, server{redis.Addr, func(time.Duration) {}})
	p := f.start()
	room := newRoom()
	want := f.says(room, 20)
	f.archived(want)
	redis.Kill()
	f.eventually("not ready", func() bool { return p.Ready() != nil })
	redis.Restart()
	want = append(want, f.says(room, 20)...)
	f.archived(want)
	f.acked()
	require.NoError(t, p.Ready())
}

func TestProjector_stopsWhileTheStoreIsAway(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.store.FailProject(errAway)
		p := f.start()
		want := f.says(newRoom(), 20)
		f.eventually("not ready", func() bool { return p.Ready() != nil })
		p.stop()
		require.NotZero(t, f.pending())

		f.store.FailProject(nil)
		f.start()
		f.archived(want)
		f.acked()
	})
}

func gauge(t *testing.T, metrics prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := metrics.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}

// A Redis that is full refuses appends until projectors have freed memory; so it lets them in.
func TestProjector_onAFullRedis(t *testing.T) {
	f := newFixture(t, server{domaintest.StartRedis(t).Addr, func(time.Duration) {}})
	room := newRoom()
	want := f.says(room, 10)
	first := f.start()
	f.archived(want)
	first.stop()
	want = append(want, f.says(room, 200)...)
	require.NoError(t, f.redis.ConfigSet(t.Context(), "maxmemory", "1").Err())
	second := f.start(func(c *projector.Config) { c.HotWindow = 20 })
	f.archived(want)
	f.acked()
	f.eventually("the room's stream is trimmed", func() bool { return len(f.roomStream(room)) <= 25 })
	second.stop()
	third := f.start()
	f.eventually("the lease is taken again", func() bool { return f.redis.Exists(t.Context(), part.Lease()).Val() == 1 })
	third.stop()
}
