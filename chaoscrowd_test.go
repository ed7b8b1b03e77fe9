package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"confab/domain"
	"confab/web/client"
)

// chaosCrowd is a crowd that sends until it is told to stop, gives up on some messages,
// and keeps record of all.
type chaosCrowd struct {
	*crowd
	pace  time.Duration // between a client's messages, give or take a half
	stop  chan struct{} // closed when there is no more to send
	sends []*sender     // one of each chatter

	heads   map[domain.RoomID]uint64 // where following ends
	headSet chan struct{}            // closed when heads is set

	talk   sync.RWMutex // held for reading while a message is under way
	hushed atomic.Bool
	lost   atomic.Bool // somebody gave up following: there is nothing left to prove

	mu     sync.Mutex
	acks   map[domain.RoomID][]time.Time
	newest map[domain.RoomID]uint64 // acked seq
}

// sender is the sending half of a chatter.
type sender struct {
	*chatter
	random   *rand.Rand
	attempts []*attempt
	seenTo   atomic.Uint64 // the length of seen, for others
	broken   []error       // promises that it saw broken as a follower
}

// attempt is a message and what became of it, as far as its sender knows.
type attempt struct {
	key, body string
	began     time.Time // of its first sending
	ended     time.Time // of its first ack
	seq       uint64    // of its first ack; 0: none came
	other     uint64    // a later ack that differed
	refused   error     // the server said that it is not posted
}

// gatherChaos makes a crowd that sends about messages messages within the time, or
// more if that is long: there is to be something under way whenever a fault comes.
func gatherChaos(t *testing.T, server string, messages int, within time.Duration, seed uint64) *chaosCrowd {
	l := load{servers: []string{server}, rooms: 3, clients: 12}
	c := &chaosCrowd{
		crowd: l.gather(t),
		pace:  min(max(within*time.Duration(l.clients)/time.Duration(messages), 250*time.Millisecond), 2*time.Second),
		stop:  make(chan struct{}), headSet: make(chan struct{}),
		acks: map[domain.RoomID][]time.Time{}, newest: map[domain.RoomID]uint64{},
	}
	for i, chat := range c.chats {
		c.sends = append(c.sends, &sender{chatter: chat, random: rand.New(rand.NewPCG(seed, uint64(i)))})
	}
	return c
}

// start lets everybody send and follow. Sending ends when stop is closed and all is
// answered, following when headSet is closed and all is seen.
func (c *chaosCrowd) start(ctx context.Context) (sending, following *errgroup.Group) {
	sending, following = &errgroup.Group{}, &errgroup.Group{}
	for i, s := range c.sends {
		random := rand.New(rand.NewPCG(s.random.Uint64(), 0))
		following.Go(func() error { return c.follow(ctx, s, random) })
		sending.Go(func() error { return c.send(ctx, i) })
	}
	return sending, following
}

func (c *chaosCrowd) send(ctx context.Context, i int) error {
	s := c.sends[i]
	for n := 0; ; n++ {
		select {
		case <-c.stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.pace/2 + time.Duration(s.random.Int64N(int64(c.pace)))):
		}
		c.talk.RLock()
		a := &attempt{key: client.NewKey(), body: fmt.Sprintf("message %d of client %d", n, i), began: time.Now()}
		s.attempts = append(s.attempts, a)
		err := c.post(ctx, s, a)
		c.talk.RUnlock()
		if err != nil {
			return fmt.Errorf("client %d: %s: %w", i, a.body, err)
		}
	}
}

// post sends a message until it is acked. With one message in five it loses patience
// soon: then it gives up or sends again. With most it turns to REST when the WebSocket
// takes long, since that may wait half a minute before it connects again. One in twenty
// it sends again anyway.
func (c *chaosCrowd) post(ctx context.Context, s *sender, a *attempt) error {
	dice := s.random.IntN(20)
	if dice < 4 {
		err := c.within(ctx, time.Duration(s.random.Int64N(int64(100*time.Millisecond))), s, a)
		if err != nil || a.seq != 0 || dice < 2 {
			return err
		}
	}
	send := s.overWebSocket
	if dice > 5 {
		send = c.overREST
		if err := c.within(ctx, 2*time.Second, s, a); err != nil {
			return err
		}
	}
	if a.seq == 0 {
		if err := c.once(ctx, s, a, send); err != nil {
			return err
		}
	}
	switch {
	case a.seq == 0:
		return ctx.Err()
	case dice == 19:
		return c.once(ctx, s, a, c.overREST)
	}
	return nil
}

// within sends a message over the WebSocket and takes no answer in time for none.
func (c *chaosCrowd) within(ctx context.Context, patience time.Duration, s *sender, a *attempt) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.once(ctx, s, a, s.overWebSocket)
}

// once sends a message and records the answer. No answer in time is none.
func (c *chaosCrowd) once(ctx context.Context, s *sender, a *attempt, send func(context.Context, *chatter, string, string) (uint64, error)) error {
	seq, err := send(ctx, s.chatter, a.key, a.body)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil
	case err != nil:
		a.refused = err
		return err
	case a.seq == 0:
		a.seq, a.ended = seq, time.Now()
		s.sent[a.key] = seq
	case a.seq != seq:
		a.other = seq
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks[s.room] = append(c.acks[s.room], time.Now())
	c.newest[s.room] = max(c.newest[s.room], seq)
	return nil
}

// hush makes everybody stop sending, and returns when what is under way is answered.
// speak lets them go on; it may be called twice.
func (c *chaosCrowd) hush() (speak func()) {
	c.talk.Lock()
	c.hushed.Store(true)
	return sync.OnceFunc(func() {
		c.hushed.Store(false)
		c.talk.Unlock()
	})
}

// caughtUp waits until all have seen what was acked.
func (c *chaosCrowd) caughtUp(within time.Duration) error {
	return tryFor(within, func() error {
		if c.lost.Load() {
			return nil // that is reported elsewhere
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, s := range c.sends {
			if seen := s.seenTo.Load(); seen < c.newest[s.room] {
				return fmt.Errorf("%s saw %d of %d events of room %s in %v", s.session.User.Name, seen, c.newest[s.room], s.room, within)
			}
		}
		return nil
	})
}

// ackedAfter returns when, after a moment, a message was acked in every room.
func (c *chaosCrowd) ackedAfter(moment time.Time) (all time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, room := range c.rooms {
		first := slices.IndexFunc(c.acks[room], func(at time.Time) bool { return at.After(moment) })
		if first < 0 {
			return time.Time{}, false
		}
		if at := c.acks[room][first]; at.After(all) {
			all = at
		}
	}
	return all, true
}

// follow takes events until it has the room's head, and now and then subscribes again
// from where it is. Not in a hush: then it is up to the server to find what it missed.
func (c *chaosCrowd) follow(ctx context.Context, s *sender, random *rand.Rand) error {
	sub := s.client.Subscribe(s.room, domain.Cursor{})
	for {
		turn, cancel := context.WithTimeout(ctx, time.Second)
		err := s.take(turn, sub)
		cancel()
		select {
		case <-c.headSet:
			if uint64(len(s.seen)) >= c.heads[s.room] {
				return nil
			}
		default:
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%s saw %d events of room %s: %w", s.session.User.Name, len(s.seen), s.room, ctx.Err())
		case errors.Is(err, context.DeadlineExceeded) && (random.IntN(10) > 0 || c.hushed.Load()):
			continue
		case !errors.Is(err, context.DeadlineExceeded):
			s.broken = append(s.broken, err)
			if s.client.Err() != nil || len(s.broken) == 10 {
				c.lost.Store(true)
				return fmt.Errorf("%s gives up: %w", s.session.User.Name, err)
			}
		}
		sub = s.client.Subscribe(s.room, domain.Cursor{After: uint64(len(s.seen))})
	}
}

func (s *sender) take(ctx context.Context, sub *client.Subscription) error {
	for {
		e, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		s.seen = append(s.seen, e)
		s.seenTo.Store(uint64(len(s.seen)))
	}
}
