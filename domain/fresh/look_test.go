package fresh_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"confab/domain/fresh"
)

// world is something that changes, and is looked at slowly.
type world struct {
	*fresh.Looks[string, int]

	mu    sync.Mutex
	now   map[string]int
	asked [][]string
	slow  chan struct{}
}

func newWorld() *world {
	w := &world{now: map[string]int{"a": 1, "b": 2}, slow: make(chan struct{})}
	w.Looks = fresh.New(w.look)
	return w
}

func (w *world) look(ctx context.Context, keys ...string) (seen []int, err error) {
	w.mu.Lock()
	w.asked = append(w.asked, slices.Sorted(slices.Values(keys)))
	for _, key := range keys {
		seen = append(seen, w.now[key])
	}
	w.mu.Unlock()
	<-w.slow
	return seen, ctx.Err()
}

func (w *world) set(key string, v int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now[key] = v
}

func TestLooks_crowdSharesOneThatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var asking sync.WaitGroup
		ask := func(n int, key string, want int) {
			for range n {
				asking.Go(func() {
					got, err := w.At(t.Context(), key)
					require.NoError(t, err)
					require.Equal(t, want, got)
				})
			}
			synctest.Wait()
		}
		ask(1, "a", 1)
		w.set("a", 10)
		ask(100, "a", 10) // not of the look that is under way, which has read 1
		ask(100, "b", 2)
		require.Equal(t, [][]string{{"a"}}, w.asked)
		w.slow <- struct{}{}
		synctest.Wait()
		require.Equal(t, [][]string{{"a"}, {"a", "b"}}, w.asked, "one look for both keys")
		w.slow <- struct{}{}
		asking.Wait()

		w.set("b", 20)
		ask(1, "b", 20)
		w.slow <- struct{}{}
		asking.Wait()
	})
}

func TestLooks_endsWithNobodysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		for range 2 { // the first one's look, the second's, and one who shares that
			asking.Go(func() {
				_, err := w.At(ctx, "a")
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		asking.Go(func() {
			_, err := w.At(ctx, "a")
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

func TestLooks_errorsAndPanics(t *testing.T) {
	var look func() ([]int, error)
	l := fresh.New(func(context.Context, ...string) ([]int, error) { return look() })
	look = func() ([]int, error) { return nil, errors.New("away") }
	_, err := l.At(t.Context(), "a")
	require.EqualError(t, err, "away")
	look = func() ([]int, error) { panic("oh") }
	require.Panics(t, func() { _, _ = l.At(t.Context(), "a") })
	look = func() ([]int, error) { return []int{7}, nil }
	got, err := l.At(t.Context(), "a")
	require.NoError(t, err, "the next one works")
	require.Equal(t, 7, got)
}

// Who shares a look that panics is told.
func TestLooks_sharedPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		l := fresh.New(func(_ context.Context, keys ...string) ([]int, error) {
			<-slow
			if len(keys) > 1 {
				panic("oh")
			}
			return []int{1}, nil
		})
		var asking sync.WaitGroup
		asking.Go(func() { _, _ = l.At(t.Context(), "a") })
		synctest.Wait()
		asking.Go(func() {
			require.Panics(t, func() { _, _ = l.At(t.Context(), "a") })
		})
		synctest.Wait()
		asking.Go(func() {
			_, err := l.At(t.Context(), "b")
			require.ErrorContains(t, err, "panicked")
		})
		synctest.Wait()
		close(slow)
		asking.Wait()
	})
}
