package fanout

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"confab/domain"
)

// Subscription is one sink's place in a room. At any moment it belongs to one
// goroutine: to that of Subscribe, then to the room's as a member, or to a catchUp.
type Subscription struct {
	hub  *Hub
	room *room
	user domain.UserID
	sink domain.Sink
	head uint64 // when it subscribed
	// epoch is the room's when access was last asked for.
	epoch string
	// doubted is set by the room when the user's access must be checked before
	// anything else is delivered.
	doubted atomic.Bool

	// Of the goroutine it belongs to:
	next     uint64 // the seq to deliver next
	trusted  uint64 // events up to here were there when the access was last checked
	resuming bool   // CaughtUp is still to come

	mu     sync.Mutex // held while the sink is called; none of the others is taken under it
	opened bool       // Subscribed was called
	done   bool
	cancel context.CancelFunc // of the catchUp that runs, if one does
}

// open is the rest of Subscribe once the room is followed. Asking for the access
// only now means that a removal is either seen by the question, or comes to the room.
func (s *Subscription) open(ctx context.Context, from domain.Cursor) error {
	if err := s.ask(ctx); err != nil {
		return err
	}
	if err := s.readHead(ctx); err != nil {
		return domain.Unavailable("the room's history", err)
	}
	s.next = s.head + 1
	if !from.Live {
		if from.After > s.head || from.Epoch != "" && from.Epoch != s.epoch {
			s.sink.Reset(s.head, s.epoch)
			s.Close()
			return nil
		}
		s.next, s.resuming = from.After+1, true
	}
	if !s.begins() {
		return domain.Unavailable("the room", errHistoryChanged)
	}
	s.room.hear(s.head)
	if !s.room.enter(s) {
		s.hub.start(s.catchUp)
	}
	return nil
}

// readHead reads where the room stands. Nobody is to be sent away with a cursor of
// events that were delivered, only because Redis has lost them.
func (s *Subscription) readHead(ctx context.Context) (err error) {
	seen := s.room.ring.lastSeq()
	for repaired := false; ; repaired = true {
		if s.head, err = s.hub.head(ctx, s.room.id); err != nil {
			return err
		}
		if s.head >= seen || s.hub.cfg.Repair == nil {
			return nil
		}
		if repaired {
			return errWentBack
		}
		if err := s.room.restore(ctx); err != nil {
			return err
		}
	}
}

var (
	errWentBack       = errors.New("the room has lost its newest events")
	errHistoryChanged = errors.New("its history has changed")
)

// begins calls Subscribed, unless the subscription is over already.
func (s *Subscription) begins() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return false
	}
	s.opened = true
	s.sink.Subscribed(s.head, s.epoch)
	return true
}

// ask asks for the user's access.
func (s *Subscription) ask(ctx context.Context) error {
	seen := s.room.ring.lastSeq()
	epoch, err := s.hub.cfg.Access.Admit(ctx, s.user, s.room.id)
	if err != nil {
		return err
	}
	s.trusted, s.epoch = seen, epoch
	return nil
}

// Head returns the newest seq of the room that is known here: at most as old as the last
// check of the heads that did not fail (HubConfig.CheckEvery).
func (s *Subscription) Head() uint64 { return s.room.newest() }

// Close ends the subscription: when it returns, the sink has been called for the last
// time, except for a Flushed that is about to return. Closing again does nothing. It
// must not be called by a method of the sink.
func (s *Subscription) Close() {
	s.mu.Lock()
	first := s.finish()
	s.mu.Unlock()
	if first {
		s.detach()
	}
}

// finish is called with mu held, and the one who gets true has to detach when it is
// released.
func (s *Subscription) finish() (first bool) {
	first = !s.done
	s.done = true
	if s.cancel != nil {
		s.cancel()
	}
	return first
}

func (s *Subscription) detach() {
	s.room.remove(s)
	s.hub.metrics.subscriptions.Dec()
}

// deliver writes frames to the sink and returns false when the subscription is over.
func (s *Subscription) deliver(data []byte, n int, last uint64) bool {
	return s.hand(s.sink.Events, data, n, last)
}

// replay is deliver for catching up: when others have filled the backlog meanwhile, it
// writes nothing and s.next stays.
func (s *Subscription) replay(data []byte, n int, last uint64) bool {
	return s.hand(s.sink.Replay, data, n, last)
}

func (s *Subscription) hand(to func([]byte, int, uint64) error, data []byte, n int, last uint64) bool {
	s.mu.Lock()
	if s.done {
		s.mu.Unlock()
		return false
	}
	err := to(data, n, last)
	if err == nil || errors.Is(err, domain.ErrNotFlushed) {
		if err == nil {
			s.next = last + 1
		}
		s.mu.Unlock()
		return true
	}
	s.finish()
	s.mu.Unlock()
	s.hub.metrics.sinksFailed.Inc()
	s.hub.cfg.Logger.Debug("subscriber dropped", "room", s.room.id, "user", s.user, "error", err)
	s.detach()
	return false
}

// reachHead notes that s has everything up to the room's head, and returns false when
// it is over.
func (s *Subscription) reachHead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resuming && !s.done {
		s.resuming = false
		s.sink.CaughtUp(s.next - 1)
	}
	return !s.done
}

// revoke ends the subscription because the user may not read the room any more.
func (s *Subscription) revoke(err error) {
	s.mu.Lock()
	first := s.finish()
	if first {
		s.sink.Ended(err)
	}
	s.mu.Unlock()
	if first {
		s.hub.metrics.revoked.Inc()
		s.detach()
	}
}

func (s *Subscription) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// begin makes a context of a catchUp that ends with the subscription, and returns
// false when that is over already.
func (s *Subscription) begin(ctx context.Context) (context.Context, context.CancelFunc, bool) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	return ctx, cancel, !s.done
}
