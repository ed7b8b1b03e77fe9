package projector

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"confab/domain"
)

// item is a record on its way into the store, and the message that brought it; nil
// for one that fills a gap.
type item struct {
	domain.Record
	msg *message.Message
	why reason // unless "", the message brought no record, for this reason
}

// decodeAll decodes messages as they come, until there are no more or ctx ends: the
// next batch, while one is being projected.
func (w *worker) decodeAll(ctx context.Context, messages <-chan *message.Message, items chan<- item) {
	defer close(items)
	for msg := range messages {
		rec, why := w.decode(msg)
		select {
		case items <- item{rec, msg, why}:
		case <-ctx.Done():
			return
		}
	}
}

// batch is what one gathering of messages holds.
type batch struct {
	items  []item // room by room, in order of seq
	poison []poison
}

// arrange sorts records by room and seq, and as they came where both are equal. A record
// that is there twice stays once; the second message is acked with the batch.
func arrange(gathered []item) batch {
	b := batch{items: make([]item, 0, len(gathered))}
	order := make([]int, 0, len(gathered)) // is sorted, since items are large
	for i, it := range gathered {
		if it.why != "" {
			b.poison = append(b.poison, poison{it.msg, it.why})
			continue
		}
		order = append(order, i)
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &gathered[i], &gathered[j]
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.Seq, b.Seq), i-j)
	})
	for _, i := range order {
		b.items = append(b.items, gathered[i])
	}
	b.items = slices.CompactFunc(b.items, func(a, b item) bool {
		return a.Seq == b.Seq && a.Room == b.Room && bytes.Equal(a.Payload, b.Payload)
	})
	return b
}

// nextRoom cuts the items of the first room off items.
func nextRoom(items []item) (room, rest []item) {
	n := 1
	for n < len(items) && items[n].Room == items[0].Room {
		n++
	}
	return items[:n:n], items[n:]
}

// decode accepts what is an event of a room of this partition, else says why not.
func (w *worker) decode(msg *message.Message) (domain.Record, reason) {
	if msg.Metadata.Get(Malformed) != "" {
		return domain.Record{}, malformed
	}
	rec, err := domain.DecodeRecord(msg.Payload)
	if err != nil {
		return domain.Record{}, undecodable
	}
	if domain.PartitionOf(rec.Room, w.cfg.Partitions) != w.part {
		return domain.Record{}, misplaced
	}
	return rec, ""
}
