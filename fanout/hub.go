package fanout

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"confab/domain"
	"confab/domain/fresh"
)

// Access answers whether a user may read a room at this moment, and which epoch it is in.
// An error that is not about permission (CodeUnavailable) means that nobody knows.
type Access interface {
	Admit(ctx context.Context, user domain.UserID, room domain.RoomID) (epoch string, err error)
}

// HubConfig says what a Hub is made of. Zero bounds mean the defaults.
type HubConfig struct {
	Subscriber message.Subscriber // live events, each a record's payload; gaps as of Bus
	Timeline   domain.Timeline
	Access     Access
	Topic      func(domain.RoomID) string // of a room's live events
	Encode     func(domain.Record) []byte // the bytes that go on the wire, whole frames
	// Decode is the inverse of Encode. Nil: Recent returns nothing.
	Decode func([]byte) (domain.Record, error)
	// Repair puts back what Redis has lost of a room that this node has seen up to
	// seq; it may ask for Recent meanwhile. Nil: nobody can.
	Repair func(ctx context.Context, room domain.RoomID, seq uint64) error
	// BeginEpoch has the room's epoch changed, because event seq that was delivered here
	// is not its history, and returns the new one. Nil: nobody can.
	BeginEpoch func(ctx context.Context, room domain.RoomID, seq uint64) (epoch string, err error)
	Logger     *slog.Logger
	Registerer prometheus.Registerer

	RingFrames  int           // of each room, 512
	RingBytes   int           // of each room, 256 KiB
	ChunkBytes  int           // handed to a sink at once, 64 KiB
	RepairLimit int           // events a room fetches for all; beyond it, each subscriber catches up alone, 1024
	CheckEvery  time.Duration // between checks of the heads, 2 s
	Linger      time.Duration // that a room without subscribers stays, 10 s
}

func (c HubConfig) withDefaults() HubConfig {
	c.RingFrames = cmp.Or(c.RingFrames, 512)
	c.RingBytes = cmp.Or(c.RingBytes, 256<<10)
	c.ChunkBytes = cmp.Or(c.ChunkBytes, 64<<10)
	c.RepairLimit = cmp.Or(c.RepairLimit, 1024)
	c.CheckEvery = cmp.Or(c.CheckEvery, 2*time.Second)
	c.Linger = cmp.Or(c.Linger, 10*time.Second)
	c.Logger = loggerOr(c.Logger)
	return c
}

// Hub delivers the events of rooms to subscribers: each gets every event after the
// one it asked for, in order, once. See DESIGN.md for how.
type Hub struct {
	cfg     HubConfig
	metrics *hubMetrics
	soon    chan struct{}                     // capacity 1: check the heads at once
	heads   *fresh.Looks[domain.RoomID, head] // for who subscribes; many come at once

	mu    sync.Mutex // taken before any other lock of this package
	rooms map[domain.RoomID]*room
	// spawn starts a goroutine that Run owns. It is nil unless Run is running.
	spawn func(func(context.Context))
}

// NewHub returns a hub, which serves while Run runs.
func NewHub(cfg HubConfig) *Hub {
	h := &Hub{
		cfg:     cfg.withDefaults(),
		metrics: newHubMetrics(cfg.Registerer),
		soon:    make(chan struct{}, 1),
		rooms:   map[domain.RoomID]*room{},
	}
	h.heads = fresh.New(h.readHeads)
	return h
}

// headTime is what a look at the rooms' heads may take.
const headTime = 10 * time.Second

// head is where a room stands, or why nobody can say.
type head struct {
	seq uint64
	err error
}

// readHeads reads where rooms stand, for all who ask at once: one that is in the archive only
// keeps the others waiting.
func (h *Hub) readHeads(ctx context.Context, rooms ...domain.RoomID) ([]head, error) {
	ctx, cancel := context.WithTimeout(ctx, headTime)
	defer cancel()
	seqs, err := h.cfg.Timeline.Heads(ctx, rooms...)
	heads := make([]head, len(rooms))
	for i := range heads {
		if i < len(seqs) {
			heads[i].seq = seqs[i]
		}
		if heads[i].seq == 0 {
			heads[i].err = err
		}
	}
	return heads, nil
}

// head returns where a room stands, as of a moment after the call.
func (h *Hub) head(ctx context.Context, room domain.RoomID) (uint64, error) {
	found, err := h.heads.At(ctx, room)
	return found.seq, cmp.Or(err, found.err)
}

// Run serves until ctx ends, and returns when all of the hub's goroutines have. It
// tells subscribers nothing about its end: whoever closes their connections does.
func (h *Hub) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	h.mu.Lock()
	h.spawn = func(f func(context.Context)) { running.Go(func() { f(ctx) }) }
	h.mu.Unlock()

	h.watch(ctx)

	h.mu.Lock()
	h.spawn = nil
	clear(h.rooms)
	h.mu.Unlock()
	cancel()
	running.Wait()
	return nil
}

// start runs f in a goroutine of the hub's, unless the hub is ending.
func (h *Hub) start(f func(context.Context)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.spawn != nil {
		h.spawn(f)
	}
}

var errHubNotRunning = errors.New("the hub is not running")

// Subscribe delivers the room's events from the cursor on to sink, until the
// subscription is closed, or sink fails, or user may not read the room any more.
//
// Before it returns it has called either sink.Subscribed or, when the cursor is in
// the future or of another epoch, sink.Reset; in that case the subscription has ended already. On an
// error it has called nothing. ctx bounds only the call itself.
func (h *Hub) Subscribe(ctx context.Context, user domain.UserID, id domain.RoomID, from domain.Cursor, sink domain.Sink) (domain.Subscription, error) {
	// A room that nobody here follows is opened only for somebody who may read it.
	if !h.follows(id) {
		if _, err := h.cfg.Access.Admit(ctx, user, id); err != nil {
			return nil, err
		}
	}
	s := &Subscription{hub: h, user: user, sink: sink}
	if err := h.attach(ctx, s, id); err != nil {
		return nil, domain.Unavailable("the room's live feed", err)
	}
	if err := s.open(ctx, from); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (h *Hub) follows(id domain.RoomID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[id] != nil
}

// attach adds s to its room, which it opens if need be, and waits until the room
// follows its live events.
func (h *Hub) attach(ctx context.Context, s *Subscription, id domain.RoomID) error {
	h.mu.Lock()
	if h.spawn == nil {
		h.mu.Unlock()
		return errHubNotRunning
	}
	r := h.rooms[id]
	if r == nil {
		r = newRoom(h, id)
		h.rooms[id] = r
		h.metrics.rooms.Inc()
		h.spawn(r.run)
	}
	s.room = r
	r.add(s)
	h.mu.Unlock()
	h.metrics.subscriptions.Inc()
	select {
	case <-r.ready:
		if r.failed == nil {
			return nil
		}
		s.Close()
		return r.failed
	case <-ctx.Done():
		s.Close()
		return ctx.Err()
	}
}

// forget removes a room that has ended, unless another took its place.
func (h *Hub) forget(r *room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms[r.id] == r {
		delete(h.rooms, r.id)
	}
	h.metrics.rooms.Dec()
}

// watch checks the heads of all rooms now and then, since the loss of a room's last
// message shows in nothing else, and closes rooms that nobody needs.
func (h *Hub) watch(ctx context.Context) {
	// After a check that was asked for, others have to wait a moment: whoever overflows
	// its queue asks all the time.
	const pause = 100 * time.Millisecond
	tick := time.NewTicker(h.cfg.CheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			h.closeIdle()
			h.checkHeads(ctx)
		case <-h.soon:
			h.checkHeads(ctx)
			if !sleep(ctx, pause) {
				return
			}
		}
	}
}

// checkSoon asks for a check of the heads without waiting for its turn.
func (h *Hub) checkSoon() {
	select {
	case h.soon <- struct{}{}:
	default:
	}
}

// checkHeads tells every room what the newest event is. When it fails, the next
// check will do.
func (h *Hub) checkHeads(ctx context.Context) {
	h.mu.Lock()
	rooms := make([]*room, 0, len(h.rooms))
	ids := make([]domain.RoomID, 0, len(h.rooms))
	seen := make([]uint64, 0, len(h.rooms)) // before the heads are read: they only grow
	for id, r := range h.rooms {
		rooms, ids, seen = append(rooms, r), append(ids, id), append(seen, r.ring.lastSeq())
	}
	h.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	heads, err := h.cfg.Timeline.Heads(ctx, ids...)
	if err != nil {
		if ctx.Err() == nil {
			h.metrics.headChecks.WithLabelValues("failed").Inc()
			h.cfg.Logger.Warn("heads of active rooms are not known", "rooms", len(ids), "error", err)
		}
	} else {
		h.metrics.headChecks.WithLabelValues("ok").Inc()
	}
	for i, seq := range heads {
		if err != nil && seq == 0 {
			continue
		}
		if seq < seen[i] {
			rooms[i].wentBack()
		}
		rooms[i].hear(seq)
	}
}

func (h *Hub) closeIdle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, r := range h.rooms {
		if r.idleFor() > h.cfg.Linger {
			delete(h.rooms, id)
			r.end()
		}
	}
}
