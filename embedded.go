package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"confab/domain"
)

// gate makes the embedded Redis durable. It forgets everything with the process, so
// an event counts only when it is in the store: until then nobody sees it and its
// sender gets no ack. The projector calls committed; the gate then lets the senders
// go on and publishes the events, which in the cluster the append script does.
type gate struct {
	live       message.Publisher
	partitions int

	mu      sync.Mutex
	done    map[domain.RoomID]uint64 // newest seq in the store, of rooms used since the start
	waiters map[domain.RoomID][]waiter
}

type waiter struct {
	seq  uint64
	free chan struct{}
}

func newGate(live message.Publisher, partitions int) *gate {
	return &gate{live: live, partitions: partitions, done: map[domain.RoomID]uint64{}, waiters: map[domain.RoomID][]waiter{}}
}

// Await returns when the event is in the store. It implements ingest.Awaiter.
func (g *gate) Await(ctx context.Context, room domain.RoomID, seq uint64) error {
	g.mu.Lock()
	if g.done[room] >= seq {
		g.mu.Unlock()
		return nil
	}
	w := waiter{seq: seq, free: make(chan struct{})}
	g.waiters[room] = append(g.waiters[room], w)
	g.mu.Unlock()
	select {
	case <-w.free:
		return nil
	case <-ctx.Done():
		return ctx.Err() // the waiter stays until its event is stored
	}
}

// committed is told by the projector what is in the store, in order.
func (g *gate) committed(_ context.Context, records []domain.Record) error {
	heads := map[domain.RoomID]uint64{}
	messages := map[domain.RoomID][]*message.Message{}
	for _, rec := range records {
		heads[rec.Room] = max(heads[rec.Room], rec.Seq)
		messages[rec.Room] = append(messages[rec.Room], message.NewMessage("", rec.Payload))
	}
	for room, seq := range heads {
		g.free(room, seq)
	}
	// What is not published is not lost: the hub looks at the heads.
	for room, ms := range messages {
		if err := g.live.Publish(domain.PartitionOf(room, g.partitions).Live(room), ms...); err != nil {
			return fmt.Errorf("publish stored events: %w", err)
		}
	}
	return nil
}

func (g *gate) free(room domain.RoomID, seq uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done[room] = max(g.done[room], seq)
	var later []waiter
	for _, w := range g.waiters[room] {
		if w.seq <= seq {
			close(w.free)
		} else {
			later = append(later, w)
		}
	}
	if later == nil {
		delete(g.waiters, room)
	} else {
		g.waiters[room] = later
	}
}
