package projector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"confab/domain"
)

// apply makes a batch durable, tells who waits for it, and then acks it. When it
// fails nothing is acked that is not durable, and all of it comes again.
//
//  1. what nobody can read goes to the dead letters
//  2. what is projected already is compared and done
//  3. gaps are filled and projected
//  4. the rest, now without gaps, is one Project; Committed follows each
//  5. what nobody can read, but says where it belongs, leaves its tombstone
//  6. Ack, and trimming
func (w *worker) apply(ctx context.Context, gathered []item) error {
	b := arrange(gathered)
	for _, p := range b.poison {
		if err := w.bury(ctx, p); err != nil {
			return err
		}
	}
	var rooms []domain.RoomID
	fresh := b.items[:0] // what is taken is never behind what is kept
	for rest := b.items; len(rest) > 0; {
		var items []item
		items, rest = nextRoom(rest)
		rooms = append(rooms, items[0].Room)
		items, err := w.continuing(ctx, items[0].Room, items)
		if err != nil {
			return err
		}
		fresh = append(fresh, items...)
	}
	if err := w.project(ctx, fresh); err != nil {
		return err
	}
	for _, p := range b.poison {
		if err := w.mark(ctx, p); err != nil {
			return err
		}
	}
	now := time.Now()
	for _, it := range gathered {
		appended, _ := idParts(EntryIDFromCtx(it.msg.Context()))
		w.metrics.lagSeconds.Observe(now.Sub(time.UnixMilli(int64(appended))).Seconds())
		it.msg.Ack()
	}
	w.metrics.batchSize.Observe(float64(len(gathered)))
	w.trimRooms(ctx, rooms)
	return nil
}

// continuing returns those of a room's items that follow its head without a gap,
// having dealt with the others. items are in order of seq.
func (w *worker) continuing(ctx context.Context, room domain.RoomID, items []item) ([]item, error) {
	head, err := w.head(ctx, room)
	if err != nil {
		return nil, err
	}
	known := 0
	for known < len(items) && items[known].Seq <= head {
		known++
	}
	if err := w.recognize(ctx, room, items[:known]); err != nil {
		return nil, err
	}
	fresh := items[known:]
	for i, next := 0, head+1; i < len(fresh); i++ {
		switch {
		case fresh[i].Seq == next:
			next++
		case fresh[i].Seq < next: // twice in the batch, with other content
			if err := w.projectEach(ctx, fresh[:i+1]); err != nil {
				return nil, err
			}
			return w.continuing(ctx, room, fresh[i+1:])
		default:
			if err := w.project(ctx, fresh[:i]); err != nil {
				return nil, err
			}
			err := w.fill(ctx, room, next, fresh[i].Seq-1)
			if errors.Is(err, errImplausible) {
				err = w.bury(ctx, poison{fresh[i].msg, implausible})
				i++
			}
			if err != nil {
				return nil, err
			}
			return w.continuing(ctx, room, fresh[i:])
		}
	}
	return fresh, nil
}

// recognize compares records that come again with what is archived.
func (w *worker) recognize(ctx context.Context, room domain.RoomID, items []item) error {
	for len(items) > 0 {
		first, last := items[0].Seq, items[len(items)-1].Seq
		var page []domain.Record
		err := w.insist(ctx, w.store, func(ctx context.Context) (err error) {
			page, err = w.cfg.Store.Range(ctx, room, first-1, int(min(last-first+1, uint64(w.cfg.BatchSize))))
			return err
		})
		if err != nil {
			return fmt.Errorf("read archived records: %w", err)
		}
		upTo := first - 1
		archived := make(map[uint64][]byte, len(page))
		for _, rec := range page {
			archived[rec.Seq] = rec.Payload
			upTo = rec.Seq
		}
		var again []domain.Record
		for len(items) > 0 && (items[0].Seq <= upTo || len(page) == 0) {
			if bytes.Equal(archived[items[0].Seq], items[0].Payload) {
				again = append(again, items[0].Record)
			} else if err := w.bury(ctx, poison{items[0].msg, diverged}); err != nil {
				return err
			}
			items = items[1:]
		}
		w.committed(ctx, again)
	}
	return nil
}

// project makes items durable, that continue their rooms without a gap. A record
// whose place holds another one is set aside, and the others go on.
func (w *worker) project(ctx context.Context, items []item) error {
	if len(items) == 0 {
		return nil
	}
	records := make([]domain.Record, len(items))
	for i, it := range items {
		records[i] = it.Record
	}
	began := time.Now()
	err := w.insist(ctx, w.store, func(ctx context.Context) error { return w.cfg.Store.Project(ctx, records) })
	switch {
	case err == nil:
		w.metrics.projectSeconds.Observe(time.Since(began).Seconds())
		w.metrics.records.Add(float64(len(records)))
		for rest := items; len(rest) > 0; {
			var room []item
			room, rest = nextRoom(rest)
			w.setHead(room[0].Room, room[len(room)-1].Seq)
		}
		w.committed(ctx, records)
		return nil
	case !errors.Is(err, domain.ErrDiverged):
		// ErrGap too: what we remember of the room is not what the store says. The
		// partition is given back, and the next owner asks.
		return fmt.Errorf("project: %w", err)
	case len(items) == 1 && items[0].msg == nil:
		w.setHead(items[0].Room, items[0].Seq) // another one filled this gap
		return nil
	case len(items) == 1:
		w.setHead(items[0].Room, items[0].Seq)
		return w.bury(ctx, poison{items[0].msg, diverged})
	}
	return w.projectEach(ctx, items)
}

func (w *worker) projectEach(ctx context.Context, items []item) error {
	for i := range items {
		if err := w.project(ctx, items[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// committed tells who waits for records that they are durable.
func (w *worker) committed(ctx context.Context, records []domain.Record) {
	if w.cfg.Committed == nil || len(records) == 0 {
		return
	}
	if err := w.cfg.Committed(ctx, records); err != nil {
		w.logger.Warn("telling of committed records failed; readers find them by asking", "err", err)
	}
}
