package projector

import (
	"context"
	"errors"
	"fmt"

	"confab/domain"
)

// maxBlindGap is the largest gap that is filled although Redis does not confirm that
// its seqs were ever given out.
const maxBlindGap = 1000

// errImplausible means that the record behind a gap is to be doubted, and not what
// is before it: nothing but the record itself says that there were so many events.
var errImplausible = errors.New("a gap that nothing explains")

// fill projects the seqs from … to of a room, which the log did not bring: from the
// archive, where a crash left a batch archived in part; else from the room's stream;
// else as tombstones. In portions, and before what comes after them, so that at any
// time everything up to the room's head is in archive and views.
func (w *worker) fill(ctx context.Context, room domain.RoomID, from, to uint64) error {
	if to-from >= maxBlindGap {
		head, err := w.streamHead(ctx, room)
		if err != nil {
			return err
		}
		if head < to {
			return errImplausible
		}
	}
	w.logger.Warn("the log has a gap; filling it", "room", room, "from", from, "to", to)
	for from <= to {
		last := min(to, from+uint64(w.cfg.BatchSize)-1)
		items, err := w.missing(ctx, room, from, last)
		if err != nil {
			return err
		}
		if err := w.project(ctx, items); err != nil {
			return err
		}
		from = last + 1
	}
	return nil
}

func (w *worker) missing(ctx context.Context, room domain.RoomID, from, to uint64) ([]item, error) {
	archived, err := w.find(ctx, room, from, to, w.store, w.cfg.Store.Range)
	if err != nil {
		return nil, err
	}
	hot, err := w.find(ctx, room, from, to, w.redis, w.cfg.Stream.Range)
	if err != nil {
		return nil, err
	}
	items := make([]item, 0, to-from+1)
	for seq := from; seq <= to; seq++ {
		rec, ok := archived[seq]
		if !ok {
			rec, ok = hot[seq]
		}
		if ok {
			w.metrics.filled.WithLabelValues("found").Inc()
		} else {
			if rec, err = w.tombstone(room, seq); err != nil {
				return nil, err
			}
			w.metrics.filled.WithLabelValues("lost").Inc()
			w.logger.Error("an event is lost; a tombstone takes its place", "room", room, "seq", seq)
		}
		items = append(items, item{Record: rec})
	}
	return items, nil
}

type ranger func(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error)

// find returns the readable records of a source in the range from … to.
func (w *worker) find(ctx context.Context, room domain.RoomID, from, to uint64, on *dependency, read ranger) (map[uint64]domain.Record, error) {
	found := map[uint64]domain.Record{}
	for after := from - 1; after < to; {
		var page []domain.Record
		err := w.insist(ctx, on, func(ctx context.Context) (err error) {
			page, err = read(ctx, room, after, int(to-after))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("fill gap: %w", err)
		}
		if len(page) == 0 {
			break
		}
		for _, rec := range page {
			if check, err := domain.DecodeRecord(rec.Payload); err == nil && check.Room == room && check.Seq == rec.Seq {
				found[rec.Seq] = check
			}
		}
		after = page[len(page)-1].Seq
	}
	return found, nil
}

func (w *worker) tombstone(room domain.RoomID, seq uint64) (domain.Record, error) {
	return domain.EncodeEvent(domain.Event{
		Room: room, Seq: seq, Kind: domain.EventLost, ID: domain.NewID(), At: domain.At(w.cfg.Now()),
	})
}

func (w *worker) streamHead(ctx context.Context, room domain.RoomID) (uint64, error) {
	var heads []uint64
	err := w.insist(ctx, w.redis, func(ctx context.Context) (err error) {
		heads, err = w.cfg.Stream.Heads(ctx, room)
		return err
	})
	if err != nil || len(heads) != 1 {
		return 0, fmt.Errorf("read stream head: %w", err)
	}
	return heads[0], nil
}
