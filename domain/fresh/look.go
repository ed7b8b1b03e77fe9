// Package fresh lets many share one answer that is not older than any of their questions.
package fresh

import (
	"context"
	"errors"
	"sync"
)

// Look is a question whose answer changes, such as where a room stands. Whoever asks while
// a look is under way shares the next one with all who do, since what is under way may have
// read before: a crowd that comes at once costs two looks in place of one each. The zero
// Look is ready; it is safe for concurrent use.
type Look[T any] struct {
	mu   sync.Mutex
	turn chan struct{} // of capacity 1: held by the look that is under way
	next *answer[T]    // of the look that waits for it
}

type answer[T any] struct {
	done  chan struct{}
	value T
	err   error
}

var errPanicked = errors.New("the look for it has panicked")

// Do returns what look returns, of a call that began after Do did. The call may be that of
// another one's Do, for which reason its context has the values of ctx but does not end with
// it: look limits its time itself. Who only shares a call goes when ctx ends.
func (l *Look[T]) Do(ctx context.Context, look func(context.Context) (T, error)) (T, error) {
	a, mine := l.join()
	if mine {
		l.answer(a, func() (T, error) { return look(context.WithoutCancel(ctx)) })
		return a.value, a.err
	}
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// join returns the answer that is to come, and whether it is for the caller to find it.
func (l *Look[T]) join() (_ *answer[T], mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != nil {
		return l.next, false
	}
	if l.turn == nil {
		l.turn = make(chan struct{}, 1)
	}
	l.next = &answer[T]{done: make(chan struct{}), err: errPanicked}
	return l.next, true
}

func (l *Look[T]) answer(a *answer[T], look func() (T, error)) {
	l.turn <- struct{}{}
	l.mu.Lock()
	l.next = nil // who comes from now on may want a newer one
	l.mu.Unlock()
	defer func() {
		<-l.turn
		close(a.done)
	}()
	a.value, a.err = look()
}
