package projector

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"confab/domain"
)

// item is a record on its way into the store, and the message that brought it; nil
// for one that fills a gap.
type item struct {
	domain.Record
	msg *message.Message
}

// batch is what one gathering of messages holds.
type batch struct {
	rooms  []domain.RoomID // in the order of their first message
	items  map[domain.RoomID][]item
	poison []poison
}

// arrange decodes messages and sorts their records by room and seq. A record that
// is there twice stays once; the second message is acked with the batch.
func (w *worker) arrange(messages []*message.Message) batch {
	b := batch{items: map[domain.RoomID][]item{}}
	for _, msg := range messages {
		rec, why := w.decode(msg)
		if why != "" {
			b.poison = append(b.poison, poison{msg, why})
			continue
		}
		if _, ok := b.items[rec.Room]; !ok {
			b.rooms = append(b.rooms, rec.Room)
		}
		b.items[rec.Room] = append(b.items[rec.Room], item{rec, msg})
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
