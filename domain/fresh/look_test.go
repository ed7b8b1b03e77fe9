package fresh_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"confab/domain/fresh"
)

// world is something that changes, and is looked at slowly.
type world struct {
	fresh.Look[int64]
	now   atomic.Int64
	looks atomic.Int64
	slow  chan struct{}
}

func (w *world) look(context.Context) (int64, error) {
	w.looks.Add(1)
	seen := w.now.Load()
	<-w.slow
	return seen, nil
}

func TestLook_crowdSharesOneThatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{slow: make(chan struct{})}
		var asking sync.WaitGroup
		ask := func(n int, want int64) {
			for range n {
				asking.Go(func() {
					got, err := w.Do(t.Context(), w.look)
					require.NoError(t, err)
					require.Equal(t, want, got)
				})
			}
			synctest.Wait()
		}
		ask(1, 0)
		w.now.Store(1)
		ask(100, 1) // not the look that is under way, which has read 0
		require.EqualValues(t, 1, w.looks.Load())
		w.slow <- struct{}{}
		synctest.Wait()
		require.EqualValues(t, 2, w.looks.Load())
		w.slow <- struct{}{}
		asking.Wait()

		w.now.Store(2)
		ask(1, 2)
		w.slow <- struct{}{}
		asking.Wait()
	})
}

func TestLook_endsWithNobodysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{slow: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		for range 2 { // the first one's look, the second's, and one who shares that
			asking.Go(func() {
				_, err := w.Do(ctx, func(ctx context.Context) (int64, error) {
					v, _ := w.look(ctx)
					return v, ctx.Err()
				})
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		asking.Go(func() {
			_, err := w.Do(ctx, w.look)
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		w.slow <- struct{}{}
		w.slow <- struct{}{}
		asking.Wait()
	})
}

func TestLook_errorsAndPanics(t *testing.T) {
	var l fresh.Look[int]
	_, err := l.Do(t.Context(), func(context.Context) (int, error) { return 0, errors.New("away") })
	require.EqualError(t, err, "away")
	require.Panics(t, func() { _, _ = l.Do(t.Context(), func(context.Context) (int, error) { panic("oh") }) })
	got, err := l.Do(t.Context(), func(context.Context) (int, error) { return 7, nil })
	require.NoError(t, err, "the next one works")
	require.Equal(t, 7, got)
}
