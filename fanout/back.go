package fanout

import (
	"bytes"
	"context"
	"math"

	"confab/domain"
)

// Recent returns what this node has delivered of a room lately and still holds: a
// sequence without a gap. It is empty for a room that nobody here follows.
func (h *Hub) Recent(id domain.RoomID) []domain.Record {
	h.mu.Lock()
	r := h.rooms[id]
	h.mu.Unlock()
	if r == nil || h.cfg.Decode == nil {
		return nil
	}
	var records []domain.Record
	for _, f := range r.ring.held() {
		rec, err := h.cfg.Decode(f.data)
		if err != nil {
			h.cfg.Logger.Error("a frame of our own cannot be read", "room", id, "error", err)
			return nil
		}
		records = append(records, rec)
	}
	return records
}

// wentBack has a room repaired whose head is lower than what was delivered here: Redis
// has lost its tail, and the archive may not have it. If that fails, the next check of
// the heads tries again.
func (r *room) wentBack() {
	if r.hub.cfg.Repair == nil || !r.restoring.CompareAndSwap(false, true) {
		return
	}
	r.hub.start(func(ctx context.Context) {
		defer r.restoring.Store(false)
		if err := r.restore(ctx); err != nil && ctx.Err() == nil {
			r.hub.cfg.Logger.Warn("a room that went back cannot be repaired; trying again", "room", r.id, "error", err)
		}
	})
}

func (r *room) restore(ctx context.Context) error {
	seen := r.ring.lastSeq()
	r.hub.metrics.repairs.WithLabelValues("put_back").Inc()
	if err := r.hub.cfg.Repair(ctx, r.id, seen); err != nil {
		return err
	}
	// If others went on before anybody could say what was lost, the history is another.
	_, err := r.after(ctx, seen, 0)
	return err
}

func (r *room) differs(f frame, rec domain.Record) bool {
	return !bytes.Equal(f.data, r.hub.cfg.Encode(rec))
}

// forked closes the room, because what was delivered here is not its history; whoever
// subscribes from now on gets a new one. The room's epoch changes, so that those hear of it
// who are away now, and all subscriptions end with Reset.
func (r *room) forked() {
	h := r.hub
	h.mu.Lock()
	open := h.rooms[r.id] == r
	if open {
		delete(h.rooms, r.id)
		r.end()
	}
	h.mu.Unlock()
	if !open { // somebody else has found out
		return
	}
	h.metrics.repairs.WithLabelValues("reset").Inc()
	h.cfg.Logger.Error("the room's history is not the one that was delivered here; its subscribers start again", "room", r.id)
	h.start(func(ctx context.Context) {
		last := r.ring.lastSeq()
		epoch := r.beginEpoch(ctx, last)
		r.resetSubscribers(math.MaxUint64, last, epoch)
	})
}

// beginEpoch tries until the room has a new epoch, which it returns, or cannot have one.
func (r *room) beginEpoch(ctx context.Context, seen uint64) string {
	cfg := r.hub.cfg
	for wait := newBackoff(); cfg.BeginEpoch != nil; {
		epoch, err := cfg.BeginEpoch(ctx, r.id, seen)
		if err == nil {
			return epoch
		}
		cfg.Logger.Warn("the room's new epoch cannot be recorded", "room", r.id, "error", err)
		if domain.CodeOf(err) != domain.CodeUnavailable || !sleep(ctx, wait.next()) {
			break
		}
	}
	return ""
}

// resetSubscribers ends the subscriptions that began before event seq.
func (r *room) resetSubscribers(seq, head uint64, epoch string) {
	r.mu.Lock()
	subs := make([]*Subscription, 0, len(r.subs))
	for s := range r.subs {
		subs = append(subs, s)
	}
	r.mu.Unlock()
	for _, s := range subs {
		s.reset(seq, head, epoch)
	}
}

// isRepeat checks a record that the room has passed on already: the bus may bring
// anything twice, but not with other content.
func (r *room) isRepeat(rec domain.Record) bool {
	f, held := r.ring.at(rec.Seq)
	return !held || !r.differs(f, rec)
}

// reset ends the subscription if it began before event seq: what it was given may not be
// the history.
func (s *Subscription) reset(seq, head uint64, epoch string) {
	s.mu.Lock()
	if s.opened && s.head >= seq {
		s.mu.Unlock()
		return
	}
	first := s.finish()
	if first && s.opened {
		s.sink.Reset(head, epoch)
	}
	s.mu.Unlock()
	if first {
		s.detach()
	}
}
