package projector_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/projector"
)

// rebuiltStore says when the views are being made again.
type rebuiltStore struct {
	domain.Projection
	rebuild func(ctx context.Context) error
}

func (s rebuiltStore) Rebuild(ctx context.Context) error { return s.rebuild(ctx) }

func TestRebuild_projectorsWaitAndGoOn(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		store := &watchedStore{MemoryStore: f.store}
		f.start(func(c *projector.Config) { c.Store = store; c.Partitions = 3 })
		room := newRoom()
		for domain.PartitionOf(room, 3) != part {
			room = newRoom()
		}
		want := f.says(room, 10)
		f.archived(want)
		calls := func() int { store.mu.Lock(); defer store.mu.Unlock(); return len(store.batches) }

		before := 0
		rebuild := func(ctx context.Context) error {
			before = calls()
			want = append(want, f.says(room, 10)...)
			// Longer than a lease lives: it is renewed.
			done := time.Now().Add(1500 * time.Millisecond)
			f.eventually("some time", func() bool { s.elapse(20 * time.Millisecond); return time.Now().After(done) })
			require.Equal(t, before, calls(), "a projector wrote during the rebuild")
			return f.store.Rebuild(ctx)
		}
		err := projector.Rebuild(t.Context(), projector.RebuildConfig{
			Redis: connect(t, s.addr), Store: rebuiltStore{store, rebuild}, Partitions: 3, LeaseTTL: 800 * time.Millisecond,
		})
		require.NoError(t, err)
		f.archived(want)
		f.acked()
	})
}

func TestRebuild_withoutRedis(t *testing.T) {
	called := false
	err := projector.Rebuild(t.Context(), projector.RebuildConfig{
		Store: rebuiltStore{rebuild: func(context.Context) error { called = true; return nil }}, Partitions: 1,
	})
	require.NoError(t, err)
	require.True(t, called)
}

func TestRebuild_saysWhatFailed(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		err := projector.Rebuild(t.Context(), projector.RebuildConfig{
			Redis: connect(t, s.addr), Partitions: 2,
			Store: rebuiltStore{rebuild: func(context.Context) error { return errAway }},
		})
		require.ErrorIs(t, err, errAway)
		require.Zero(t, connect(t, s.addr).Exists(t.Context(), part.Lease()).Val())
	})
}
