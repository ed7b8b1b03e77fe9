package fanout

import (
	"context"
	"fmt"

	"confab/domain"
)

// accept takes records as the bus brought them. Those that continue the sequence are
// passed on, repeats are dropped, and anything beyond a gap is only remembered as
// existing: the timeline has it, for an event is logged before it is published.
func (r *room) accept(batch []domain.Record) {
	if r.unsure {
		for _, rec := range batch {
			r.known = max(r.known, rec.Seq)
		}
		return
	}
	next := r.ring.last + 1
	fit := batch[:0]
	for _, rec := range batch {
		switch {
		case rec.Seq == next:
			fit = append(fit, rec)
			next++
		case rec.Seq < next:
			r.hub.metrics.repeats.Inc()
			if !r.isRepeat(rec) {
				r.forked()
				return
			}
		default:
			r.known = max(r.known, rec.Seq)
		}
	}
	r.extend(fit)
}

// behind reports whether events are known to exist that the room has not seen, or may.
func (r *room) behind() bool { return r.known > r.ring.last || r.unsure }

// repair fetches a part of what is missing and reports whether that went well. Not
// much is fetched for all members together, since they have to take it at once:
// after a long absence of the bus each catches up at its own pace.
func (r *room) repair(ctx context.Context) bool {
	r.known = max(r.known, r.ring.last)
	if r.known-r.ring.last > uint64(r.hub.cfg.RepairLimit) {
		return r.jump(ctx)
	}
	missing := min(r.known-r.ring.last, pageEvents)
	if missing > 0 {
		r.hub.metrics.repairs.WithLabelValues("fetch").Inc()
	}
	records, err := r.after(ctx, r.ring.last, int(missing))
	if err != nil {
		r.repairFailed(ctx, err)
		return false
	}
	if r.stopped() {
		return false
	}
	r.unsure = false
	if len(records) == 0 && missing > 0 {
		// Whoever said that there is more was wrong. If not, the next check of the head
		// says so again.
		r.hub.metrics.repairs.WithLabelValues("nothing").Inc()
		r.known = r.ring.last
	}
	r.extend(records)
	return true
}

// after reads up to limit events after one that was delivered, which it reads too, to see
// whether it is still the history. If not, it closes the room.
func (r *room) after(ctx context.Context, last uint64, limit int) ([]domain.Record, error) {
	f, held := r.ring.at(last)
	if !held && limit == 0 {
		return nil, nil
	}
	from := last
	if held {
		from--
		limit++
	}
	records, err := r.hub.cfg.Timeline.Range(ctx, r.id, from, limit)
	if err != nil {
		return nil, err
	}
	if held && len(records) > 0 && records[0].Seq == last {
		if r.differs(f, records[0]) {
			r.forked()
			return nil, nil
		}
		records = records[1:]
	}
	if len(records) > 0 && records[0].Seq != last+1 {
		return nil, fmt.Errorf("timeline gave event %d instead of %d", records[0].Seq, last+1)
	}
	return records, nil
}

// jump moves the room on to its head, and lets all members catch up by themselves.
// Somebody may have been removed in what the room did not see.
func (r *room) jump(ctx context.Context) bool {
	r.hub.metrics.repairs.WithLabelValues("jump").Inc()
	head, err := r.hub.head(ctx, r.id)
	if err != nil {
		r.repairFailed(ctx, err)
		return false
	}
	if _, err := r.after(ctx, r.ring.last, 0); err != nil {
		r.repairFailed(ctx, err)
		return false
	}
	if r.stopped() {
		return false
	}
	r.unsure = false
	r.known = max(head, r.ring.last)
	if r.known == r.ring.last {
		return true
	}
	r.ring.jump(r.known)
	r.recheck(func(*Subscription) bool { return true })
	return true
}

func (r *room) repairFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	r.hub.metrics.repairs.WithLabelValues("failed").Inc()
	r.hub.cfg.Logger.Warn("missing events cannot be fetched; trying again", "room", r.id, "after", r.ring.last, "error", err)
}
