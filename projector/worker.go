package projector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"confab/domain"
)

// worker works on one partition, for as long as its lease is held. One goroutine.
type worker struct {
	*Projector
	part     domain.Partition
	name     string // in reports
	lease    *lease
	logger   *slog.Logger
	stopping <-chan struct{} // closed: do not begin another try
	rooms    map[domain.RoomID]roomState
}

// roomState is what the worker remembers of a room.
type roomState struct {
	head    uint64 // up to which everything is in archive and views
	trimmed uint64 // up to which the room's stream is known to be trimmed
}

// maxRooms bounds the memory of a worker; what is forgotten is asked for again.
const maxRooms = 50_000

func newWorker(p *Projector, part domain.Partition, l *lease, logger *slog.Logger, stopping <-chan struct{}) *worker {
	return &worker{
		Projector: p, part: part, name: "partition " + partLabel(part), lease: l, logger: logger, stopping: stopping,
		rooms: map[domain.RoomID]roomState{},
	}
}

// head returns up to where a room is projected.
func (w *worker) head(ctx context.Context, room domain.RoomID) (uint64, error) {
	if r, ok := w.rooms[room]; ok {
		return r.head, nil
	}
	var head uint64
	err := w.insist(ctx, w.store, func(ctx context.Context) (err error) {
		head, err = w.cfg.Store.Applied(ctx, room)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read head of room: %w", err)
	}
	if len(w.rooms) >= maxRooms {
		clear(w.rooms)
	}
	w.rooms[room] = roomState{head: head}
	return head, nil
}

func (w *worker) setHead(room domain.RoomID, head uint64) {
	r := w.rooms[room]
	r.head = max(r.head, head)
	w.rooms[room] = r
}

// close forgets what the worker had trouble with: it is another's now.
func (w *worker) close() {
	w.store.forget(w.name)
	w.redis.forget(w.name)
}

const (
	minBackoff     = 100 * time.Millisecond
	maxBackoff     = 5 * time.Second
	attemptTimeout = 30 * time.Second
)

// insist calls f until it succeeds or says something final about the records: a
// store or a Redis that is away gets asked for as long as it takes. It gives up only
// when ctx ends, the lease is lost, or we are asked to stop.
//
// The lease is looked at before each call, by our own clock: after a pause of the
// process another projector may be at work, and this one must write no more.
func (w *worker) insist(ctx context.Context, on *dependency, f func(context.Context) error) error {
	for wait := minBackoff; ; wait = min(2*wait, maxBackoff) {
		if !w.lease.valid() {
			return errLeaseLost
		}
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := f(attempt)
		cancel()
		if err == nil || isFinal(err) {
			on.report(w.name, nil)
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		on.report(w.name, err)
		w.metrics.retries.WithLabelValues(on.name).Inc()
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-w.stopping:
			return fmt.Errorf("stopped while %s was away: %w", on.name, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// isFinal tells answers about the records from failures of the store.
func isFinal(err error) bool {
	return errors.Is(err, domain.ErrDiverged) || errors.Is(err, domain.ErrGap)
}
