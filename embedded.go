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
	archive    domain.Archive
	partitions int

	mu      sync.Mutex
	done    map[domain.RoomID]uint64 // newest seq in the store, of rooms that were asked for
	waiters map[domain.RoomID][]waiter
}

type waiter struct {
	seq  uint64
	free chan struct{}
}

func newGate(live message.Publisher, archive domain.Archive, partitions int) *gate {
	return &gate{live: live, archive: archive, partitions: partitions, done: map[domain.RoomID]uint64{}, waiters: map[domain.RoomID][]waiter{}}
}

// Await returns when the event is in the store. It implements ingest.Awaiter.
func (g *gate) Await(ctx context.Context, room domain.RoomID, seq uint64) error {
	if err := g.learn(ctx, room); err != nil {
		return err
	}
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

// learn looks up what an earlier process has stored of a room: the first result of a
// key that is used again may be there.
func (g *gate) learn(ctx context.Context, room domain.RoomID) error {
	g.mu.Lock()
	_, known := g.done[room]
	g.mu.Unlock()
	if known {
		return nil
	}
	head, err := g.archive.Head(ctx, room)
	if err == nil {
		g.free(room, head)
	}
	return err
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
