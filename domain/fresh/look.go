// Package fresh lets many share answers that are not older than any of their questions.
package fresh

import (
	"context"
	"errors"
	"sync"
)

// Looks answers questions whose answers change, such as where a room stands, one for each
// key. One look is under way at a time. Whoever asks meanwhile shares the next one, for the
// keys of all who do, since what is under way may have read before: a crowd that comes at
// once, to one room or to many, costs two looks in place of one each. It is safe for
// concurrent use.
type Looks[K comparable, V any] struct {
	look func(context.Context, ...K) ([]V, error)
	turn chan struct{} // of capacity 1: held by the look that is under way

	mu   sync.Mutex
	next *answers[K, V] // of the look that waits for it
}

// answers are what one look is to find.
type answers[K comparable, V any] struct {
	keys   []K
	index  map[K]int
	done   chan struct{}
	values []V
	err    error
}

var errPanicked = errors.New("the look for it has panicked")

// New returns Looks that look finds the answers of: as many as keys, in their order, or an
// error for all of them. It limits its time itself.
func New[K comparable, V any](look func(ctx context.Context, keys ...K) ([]V, error)) *Looks[K, V] {
	return &Looks[K, V]{look: look, turn: make(chan struct{}, 1)}
}

// At returns what look says about key, in a call that began after At did. The call may be
// that of another one's At, for which reason its context has the values of ctx but does not
// end with it. Who only shares a call goes when ctx ends.
func (l *Looks[K, V]) At(ctx context.Context, key K) (V, error) {
	a, i, mine := l.join(key)
	if mine {
		l.answer(context.WithoutCancel(ctx), a)
	} else {
		select {
		case <-a.done:
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
	}
	if a.err != nil {
		var none V
		return none, a.err
	}
	return a.values[i], nil
}

// join returns the answers that are to come, which of them is the key's, and whether it is
// for the caller to find them.
func (l *Looks[K, V]) join(key K) (a *answers[K, V], i int, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mine = l.next == nil; mine {
		l.next = &answers[K, V]{index: map[K]int{}, done: make(chan struct{}), err: errPanicked}
	}
	a = l.next
	i, asked := a.index[key]
	if !asked {
		i = len(a.keys)
		a.keys, a.index[key] = append(a.keys, key), i
	}
	return a, i, mine
}

func (l *Looks[K, V]) answer(ctx context.Context, a *answers[K, V]) {
	l.turn <- struct{}{}
	l.mu.Lock()
	l.next = nil // who comes from now on may want a newer one
	l.mu.Unlock()
	defer func() {
		<-l.turn
		close(a.done)
	}()
	a.values, a.err = l.look(ctx, a.keys...)
}
