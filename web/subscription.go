package web

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"confab/domain"
	"confab/web/frames"
)

// subscription is a room that a connection follows: the Sink that the hub feeds.
type subscription struct {
	c     *conn
	id    string // of the subscribe frame
	room  domain.RoomID
	epoch string // when it began

	last atomic.Uint64 // newest seq that the client was given or told of

	mu   sync.Mutex
	feed domain.Subscription // the hub's end; nil until Subscribe returned
}

// subscribe begins to follow a room. If the connection follows it already, that one
// ends first: the client gets nothing more of it before the new "subscribed".
func (c *conn) subscribe(f frames.Subscribe) error {
	if !domain.ValidID(string(f.Room)) {
		return domain.ErrRoomNotFound()
	}
	old, others := c.subscription(f.Room)
	if old != nil {
		c.drop(old)
	} else if others >= maxSubscriptions {
		return domain.Errorf(domain.CodeInvalid, "a connection follows at most %d rooms; unsubscribe from one, or open another connection", maxSubscriptions)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	sub := &subscription{c: c, id: f.ID, room: f.Room}
	from := domain.Cursor{Live: true}
	if f.After != nil {
		from = domain.Cursor{After: *f.After, Epoch: f.Epoch}
	}
	c.mu.Lock()
	c.subs = append(c.subs, sub)
	c.mu.Unlock()
	feed, err := c.s.cfg.Hub.Subscribe(ctx, c.user.ID, f.Room, from, sub)
	if err != nil {
		c.forget(sub)
		return err
	}
	sub.mu.Lock()
	sub.feed = feed
	sub.mu.Unlock()
	return nil
}

// unsubscribe stops following a room. Doing it again, or for a room that was not
// followed, is answered alike.
func (c *conn) unsubscribe(f frames.Unsubscribe) error {
	if sub, _ := c.subscription(f.Room); sub != nil {
		c.drop(sub)
	}
	c.send(frames.Unsubscribed(f))
	return nil
}

// drop ends a subscription. The sink is not called any more when it returns.
func (c *conn) drop(sub *subscription) {
	c.forget(sub)
	sub.mu.Lock()
	feed := sub.feed
	sub.mu.Unlock()
	if feed != nil {
		feed.Close()
	}
}

func (c *conn) forget(sub *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subs = slices.DeleteFunc(c.subs, func(s *subscription) bool { return s == sub })
}

// head returns the newest seq of the room that is known here.
func (s *subscription) head() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feed == nil {
		return s.last.Load()
	}
	return max(s.feed.Head(), s.last.Load())
}

// subscription returns the one of a room, or nil, and how many there are.
func (c *conn) subscription(room domain.RoomID) (*subscription, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.subs, func(s *subscription) bool { return s.room == room }); i >= 0 {
		return c.subs[i], len(c.subs)
	}
	return nil, len(c.subs)
}

func (c *conn) subscriptions() []*subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.subs)
}

// Subscribed implements Sink.
func (s *subscription) Subscribed(head uint64, epoch string) {
	s.epoch = epoch
	s.c.send(frames.Subscribed{ID: s.id, Room: s.room, Epoch: s.epoch, Head: head})
}

// Events implements Sink.
func (s *subscription) Events(frames []byte, n int, last uint64) error {
	return s.given(s.c.out.events(frames), n, last)
}

// Replay implements Sink.
func (s *subscription) Replay(frames []byte, n int, last uint64) error {
	return s.given(s.c.out.replay(frames), n, last)
}

// given notes what became of n events.
func (s *subscription) given(err error, n int, last uint64) error {
	s.c.sent(err)
	if err != nil {
		return err
	}
	s.last.Store(last)
	s.c.s.metrics.delivered.Add(float64(n))
	return nil
}

// Flushed implements Sink.
func (s *subscription) Flushed(ctx context.Context) error { return s.c.out.flushed(ctx) }

// CaughtUp implements Sink.
func (s *subscription) CaughtUp(seq uint64) {
	s.last.Store(seq)
	s.c.send(frames.CaughtUp{Room: s.room, Seq: seq})
}

// Reset implements Sink.
func (s *subscription) Reset(head uint64, epoch string) {
	s.c.forget(s)
	s.c.send(frames.Reset{ID: s.id, Room: s.room, Epoch: cmp.Or(epoch, s.epoch), Head: head})
}

// Ended implements Sink. The client hears of it under the id of its subscribe frame
// and, since it may have forgotten that one, with the room.
func (s *subscription) Ended(err error) {
	s.c.forget(s)
	if err == nil || s.c.ended() {
		return
	}
	s.c.sendError(frames.Error{ID: s.id, Room: s.room}, err)
}
