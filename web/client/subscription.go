package client

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"confab/domain"
	"confab/web/frames"
)

// queueLimit bounds the events of one subscription that wait for its reader. When it
// is reached the client unsubscribes, and resumes when the reader has caught up: the
// server keeps the history, the client need not.
const queueLimit = 1024

// ViolationError says that the server broke rule 1: within a subscription, seqs rise
// by exactly one.
type ViolationError struct {
	Room      domain.RoomID
	Want, Got uint64
}

func (e *ViolationError) Error() string {
	return fmt.Sprintf("the server broke rule 1 in room %s: seq %d where %d must come", e.Room, e.Got, e.Want)
}

// ResetError says that the cursor is not of the room's history: it changed its epoch,
// or the cursor was never true. What was derived from it is to be thrown away.
type ResetError struct {
	Room  domain.RoomID
	Epoch string
	Head  uint64
}

func (e *ResetError) Error() string {
	return fmt.Sprintf("room %s: the cursor is not of its history, which is now at %d of epoch %s", e.Room, e.Head, e.Epoch)
}

// Subscription is a room's events in order, each once, through all reconnects.
type Subscription struct {
	client *Client
	room   domain.RoomID
	ready  chan struct{} // capacity 1: the queue or err changed
	caught chan struct{}
	once   sync.Once

	// Under the client's mutex:
	live      bool   // begins at the head, which is not known yet
	last      uint64 // newest seq queued
	epoch     string
	id        string // of the subscribe frame in force
	following bool   // its "subscribed" has come
	paused    bool   // unsubscribed until the reader has caught up
	promised  uint64 // head told by the last heartbeat
	queue     []domain.Event
	err       error
}

// Subscribe begins to follow a room from a cursor on. A client has one subscription
// to a room: another one ends the first.
func (c *Client) Subscribe(room domain.RoomID, from domain.Cursor) *Subscription {
	sub := &Subscription{
		client: c, room: room, live: from.Live, last: from.After, epoch: from.Epoch,
		ready: make(chan struct{}, 1), caught: make(chan struct{}),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		sub.end(c.err)
		return sub
	}
	if old := c.subs[room]; old != nil {
		old.end(ErrClosed)
	}
	c.subs[room] = sub
	c.request(sub)
	return sub
}

// Next returns the next event; it waits for one. After the subscription ended, and all
// that came before was returned, it fails with the reason: ErrClosed, a *ResetError, a
// *ViolationError, or a *domain.Error such as "not_found" when the room may not be
// read any more. It is for one goroutine at a time.
func (s *Subscription) Next(ctx context.Context) (domain.Event, error) {
	for {
		if e, ok, err := s.take(); ok || err != nil {
			return e, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return domain.Event{}, ctx.Err()
		}
	}
}

// All returns the events until the subscription or ctx ends; the last pair holds the
// reason.
func (s *Subscription) All(ctx context.Context) iter.Seq2[domain.Event, error] {
	return func(yield func(domain.Event, error) bool) {
		for {
			e, err := s.Next(ctx)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// CaughtUp is closed once everything up to the head of some moment after Subscribe
// has come. Part of it may still wait for Next.
func (s *Subscription) CaughtUp() <-chan struct{} { return s.caught }

// Epoch returns the epoch of the room's sequence, "" until the server has told it.
func (s *Subscription) Epoch() string {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.epoch
}

// Close ends the subscription. What was not taken is dropped.
func (s *Subscription) Close() {
	c := s.client
	c.mu.Lock()
	defer c.mu.Unlock()
	s.queue = nil
	if s.err == nil {
		c.drop(s, ErrClosed)
		c.write(frames.Unsubscribe{ID: c.newID(), Room: s.room})
	}
}

func (s *Subscription) take() (e domain.Event, ok bool, err error) {
	c := s.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(s.queue) == 0 {
		return e, false, s.err
	}
	e, s.queue = s.queue[0], s.queue[1:]
	if s.paused && len(s.queue) <= queueLimit/2 && s.err == nil {
		s.paused = false
		c.request(s)
	}
	return e, true, nil
}

// All below is called with the client's mutex held.

// request subscribes from where the subscription stands.
func (c *Client) request(s *Subscription) {
	if s.err != nil || s.paused || c.conn == nil {
		return
	}
	s.following = false
	s.id = c.newID()
	f := frames.Subscribe{ID: s.id, Room: s.room}
	if !s.live {
		f.After, f.Epoch = &s.last, s.epoch
	}
	c.write(f)
}

func (s *Subscription) subscribed(f frames.Subscribed) {
	if f.ID != s.id {
		return
	}
	s.following, s.epoch = true, f.Epoch
	if s.live {
		s.live, s.last = false, f.Head
		s.once.Do(func() { close(s.caught) })
	}
}

func (c *Client) deliver(s *Subscription, e domain.Event) {
	switch {
	case !s.following || s.err != nil: // of a subscription that was given up
	case e.Seq != s.last+1:
		c.violated(s, e.Seq)
	case len(s.queue) >= queueLimit:
		s.following, s.paused = false, true
		c.write(frames.Unsubscribe{ID: c.newID(), Room: s.room})
	default:
		s.last = e.Seq
		s.queue = append(s.queue, e)
		s.signal()
	}
}

func (c *Client) caughtUp(s *Subscription, seq uint64) {
	switch {
	case !s.following || s.err != nil:
	case seq != s.last:
		c.violated(s, seq)
	default:
		s.once.Do(func() { close(s.caught) })
	}
}

func (c *Client) violated(s *Subscription, got uint64) {
	err := &ViolationError{Room: s.room, Want: s.last + 1, Got: got}
	c.opt.Logger.Error(err.Error())
	c.drop(s, err)
	c.write(frames.Unsubscribe{ID: c.newID(), Room: s.room})
}

// compare looks for events that got lost at the end, where no gap shows them. What a
// heartbeat tells may be on its way; at the next one it must have come.
func (c *Client) compare(heads map[domain.RoomID]uint64) {
	for room, head := range heads {
		s := c.subs[room]
		if s == nil || !s.following {
			continue
		}
		if s.last < s.promised {
			c.opt.Logger.Warn("events are missing; resuming", "room", room, "last", s.last, "head", s.promised)
			c.request(s)
		}
		s.promised = head
	}
}

func (c *Client) drop(s *Subscription, err error) {
	if c.subs[s.room] == s {
		delete(c.subs, s.room)
	}
	s.end(err)
}

func (s *Subscription) end(err error) {
	if s.err == nil {
		s.err = err
	}
	s.signal()
}

func (s *Subscription) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}
