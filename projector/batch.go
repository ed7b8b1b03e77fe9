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
	rooms  []domain.RoomID // in the order of their first message
	items  map[domain.RoomID][]item
	poison []poison
}

// arrange sorts records by room and seq. A record that is there twice stays once; the
// second message is acked with the batch.
func (w *worker) arrange(gathered []item) batch {
	b := batch{items: map[domain.RoomID][]item{}}
	for _, it := range gathered {
		if it.why != "" {
			b.poison = append(b.poison, poison{it.msg, it.why})
			continue
		}
		if _, ok := b.items[it.Room]; !ok {
			b.rooms = append(b.rooms, it.Room)
		}
		b.items[it.Room] = append(b.items[it.Room], it)
	}
	for room, items := range b.items {
		slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.Seq, b.Seq) })
		b.items[room] = slices.CompactFunc(items, func(a, b item) bool {
			return a.Seq == b.Seq && bytes.Equal(a.Payload, b.Payload)
		})
	}
	return b
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
