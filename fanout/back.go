package fanout

import (
	"bytes"
	"context"

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
	f, held := r.ring.at(seen)
	if !held {
		return nil
	}
	records, err := r.hub.cfg.Timeline.Range(ctx, r.id, seen-1, 1)
	if err == nil && len(records) == 1 && records[0].Seq == seen && r.differs(f, records[0]) {
		r.reset()
	}
	return err
}

func (r *room) differs(f frame, rec domain.Record) bool {
	return !bytes.Equal(f.data, r.hub.cfg.Encode(rec))
}

// reset ends all subscriptions with Reset, since what they were given is not what the
// room's history says now, and closes the room. Who subscribes from then on gets a new one.
func (r *room) reset() {
	h := r.hub
	h.mu.Lock()
	if h.rooms[r.id] == r {
		delete(h.rooms, r.id)
		close(r.stop)
	}
	h.mu.Unlock()
	h.metrics.repairs.WithLabelValues("reset").Inc()
	h.cfg.Logger.Error("the room's history is not the one that was delivered here; its subscribers start again", "room", r.id)
	r.mu.Lock()
	subs := make([]*Subscription, 0, len(r.subs))
	for s := range r.subs {
		subs = append(subs, s)
	}
	r.mu.Unlock()
	for _, s := range subs {
		s.reset(r.ring.lastSeq())
	}
}

// isRepeat checks a record that the room has passed on already: the bus may bring
// anything twice, but not with other content.
func (r *room) isRepeat(rec domain.Record) bool {
	f, held := r.ring.at(rec.Seq)
	return !held || !r.differs(f, rec)
}

// reset ends the subscription, because what it was given is not the history any more.
func (s *Subscription) reset(head uint64) {
	s.mu.Lock()
	first := s.finish()
	if first && s.opened {
		s.sink.Reset(head)
	}
	s.mu.Unlock()
	if first {
		s.detach()
	}
}
