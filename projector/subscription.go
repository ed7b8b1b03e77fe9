package projector

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

const (
	oldest  = "0" // the consumer's own pending entries
	newest  = ">" // entries that nobody in the group has got
	maxRead = 512 // entries a read returns at most
)

// subscription is one reading of one stream. Its goroutines:
//
//	run      reads entries and puts them into out, in order
//	settle   waits for the Ack or Nack of what is in flight, and acks in Redis
type subscription struct {
	client redis.UniversalClient
	cfg    *SubscriberConfig
	topic  string

	out chan *message.Message // holds the whole window, so sending never blocks

	from      string    // where the next read starts
	lastClaim time.Time // when pending entries were last looked after
	troubled  bool      // the last read failed

	mu      sync.Mutex
	flights []*flight           // in the order in which they were read
	bytes   int                 // of their payloads
	unacked map[string]struct{} // read, and XACK not confirmed
	more    chan struct{}       // holds a token when flights got more
	fewer   chan struct{}       // holds a token when they got fewer
}

func newSubscription(client redis.UniversalClient, cfg *SubscriberConfig, topic string) *subscription {
	return &subscription{
		client: client, cfg: cfg, topic: topic,
		out:     make(chan *message.Message, cfg.Window),
		unacked: map[string]struct{}{},
		more:    make(chan struct{}, 1),
		fewer:   make(chan struct{}, 1),
		from:    oldest,
	}
}

// run returns when ctx has ended, all goroutines too, and the acks are sent.
func (s *subscription) run(ctx context.Context) {
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		s.settle(ctx)
	}()
	for ctx.Err() == nil {
		if err := s.step(ctx); err != nil && ctx.Err() == nil {
			s.recover(ctx, err)
		} else if s.troubled {
			s.troubled = false
			s.cfg.Logger.Info("reading the log again", "stream", s.topic)
		}
	}
	<-settled
	close(s.out)
}

// step looks after pending entries when it is time, and reads once.
func (s *subscription) step(ctx context.Context) error {
	if time.Since(s.lastClaim) >= s.cfg.ClaimEvery {
		if err := s.claim(ctx); err != nil {
			return err
		}
		s.lastClaim = time.Now()
	}
	free, err := s.waitForRoom(ctx)
	if err != nil {
		return err
	}
	entries, err := s.read(ctx, min(free, maxRead))
	if err != nil {
		return err
	}
	if s.from != newest {
		// Own pending entries: page on by id, until there are no more.
		s.from = newest
		if len(entries) > 0 {
			s.from = entries[len(entries)-1].ID
		}
	}
	s.deliver(ctx, entries)
	return nil
}

// waitForRoom returns how many more messages the window takes, at least 1.
func (s *subscription) waitForRoom(ctx context.Context) (int, error) {
	for {
		if n := s.free(); n > 0 {
			return n, nil
		}
		select {
		case <-s.fewer:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (s *subscription) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes >= s.cfg.WindowBytes {
		return 0
	}
	return s.cfg.Window - len(s.flights)
}

func (s *subscription) read(ctx context.Context, count int) ([]redis.XMessage, error) {
	// A deadline of our own: go-redis gives a blocking read 10 s on top.
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Block+3*time.Second)
	defer cancel()
	streams, err := s.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: s.cfg.Group, Consumer: s.cfg.Consumer,
		Streams: []string{s.topic, s.from}, Count: int64(count), Block: s.cfg.Block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil || len(streams) == 0 {
		return nil, err
	}
	return streams[0].Messages, nil
}

// deliver puts entries that are not in flight already into the channel. There are no
// more of them than the window takes.
func (s *subscription) deliver(ctx context.Context, entries []redis.XMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	flights := make([]flight, len(entries))
	for i, x := range entries {
		if _, ok := s.unacked[x.ID]; ok {
			continue
		}
		s.unacked[x.ID] = struct{}{}
		flights[i] = flight{Context: ctx, id: x.ID, msg: messageOf(x)}
		f := &flights[i]
		f.msg.SetContext(f)
		s.flights = append(s.flights, f)
		s.bytes += len(f.msg.Payload)
		if x.Values == nil { // deleted from the stream while it was pending
			f.msg.Ack()
		} else {
			s.out <- f.msg
		}
	}
	signal(s.more)
}

// signal leaves a token, unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// How long settle waits for the oldest message until it looks at the others too.
const (
	minPatience = 10 * time.Millisecond
	maxPatience = time.Second
)

// settle sees messages through to their Ack, or leaves them pending when ctx ends.
// It waits for the oldest: who works in order settles that one first, and by the time
// of our look many more, which then are one XACK.
func (s *subscription) settle(ctx context.Context) {
	for patience := minPatience; ; patience = min(2*patience, maxPatience) {
		if first := s.first(); first != nil {
			late := time.NewTimer(patience)
			select {
			case <-first.Acked():
			case <-first.Nacked():
			case <-late.C:
			case <-ctx.Done():
			}
			late.Stop()
		} else {
			select {
			case <-s.more:
			case <-ctx.Done():
			}
		}
		ended := ctx.Err() != nil // before the look: what was acked until then counts
		acked, nacked := s.look()
		away := false // Redis did not answer and ctx has ended: what is left comes again
		for some := range slices.Chunk(acked, maxRead) {
			for wait := 50 * time.Millisecond; !away && !s.xack(ctx, some); wait = min(2*wait, time.Second) {
				away = !sleep(ctx, wait)
			}
			s.confirmed(some)
		}
		if ended {
			return
		}
		if len(acked) > 0 || nacked {
			patience = minPatience / 2 // is doubled
		}
	}
}

// first returns the message that was read first of those in flight, nil if none is.
func (s *subscription) first() *message.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.flights) == 0 {
		return nil
	}
	return s.flights[0].msg
}

// look takes the messages that were acked out of flight, and sends those again whose
// Nack is long enough ago. It returns the acked ones, and whether a Nack came.
func (s *subscription) look() (acked []*flight, nacked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	kept := s.flights[:0]
	for _, f := range s.flights {
		select {
		case <-f.msg.Acked():
			f.end()
			acked = append(acked, f)
			s.bytes -= len(f.msg.Payload)
			f.msg = nil // its neighbours may stay longer
			continue
		case <-f.msg.Nacked():
			f.msg = f.msg.CopyWithContext()
			f.again, nacked = now.Add(s.cfg.NackDelay), true
		default:
			if !f.again.IsZero() && !now.Before(f.again) {
				f.again = time.Time{}
				s.out <- f.msg
			}
		}
		kept = append(kept, f)
	}
	clear(s.flights[len(kept):]) // lets go of the messages
	s.flights = kept
	if len(acked) > 0 {
		signal(s.fewer)
	}
	return acked, nacked
}

func (s *subscription) xack(ctx context.Context, acked []*flight) bool {
	args := append(make([]any, 0, 3+len(acked)), "xack", s.topic, s.cfg.Group)
	for _, f := range acked {
		args = append(args, &f.id) // XAck would make an object of each
	}
	// Also when ctx has ended: what was acked before should not come again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := s.client.Do(ctx, args...).Err()
	return err == nil || isNoGroup(err)
}

// claim takes over entries that other consumers of the group have left alone, and
// starts again with the own pending ones when Redis counts more of them than are in
// flight: then the reply that carried them was lost.
func (s *subscription) claim(ctx context.Context) error {
	known := s.count() // before Redis counts: acks only make its number smaller
	consumers, err := s.client.XInfoConsumers(ctx, s.topic, s.cfg.Group).Result()
	if err != nil {
		return err
	}
	for _, c := range consumers {
		switch {
		case c.Name == s.cfg.Consumer:
			if int(c.Pending) > known {
				s.from = oldest
			}
		case c.Pending > 0:
			if err := s.claimFrom(ctx, c.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *subscription) claimFrom(ctx context.Context, consumer string) error {
	for {
		free, err := s.waitForRoom(ctx)
		if err != nil {
			return err
		}
		count := min(free, maxRead)
		idle, err := s.client.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: s.topic, Group: s.cfg.Group, Consumer: consumer,
			Idle: s.cfg.ClaimIdle, Start: "-", End: "+", Count: int64(count),
		}).Result()
		if err != nil || len(idle) == 0 {
			return err
		}
		ids := make([]string, len(idle))
		for i, x := range idle {
			ids[i] = x.ID
		}
		entries, err := s.client.XClaim(ctx, &redis.XClaimArgs{
			Stream: s.topic, Group: s.cfg.Group, Consumer: s.cfg.Consumer,
			MinIdle: s.cfg.ClaimIdle, Messages: ids, // of two claimers, one gets it
		}).Result()
		if err != nil {
			return err
		}
		s.cfg.Logger.Info("claimed entries of another consumer", "stream", s.topic, "consumer", consumer, "entries", len(entries))
		s.deliver(ctx, entries)
		if len(idle) < count {
			return nil
		}
	}
}

// recover waits a little after a failed read, and makes a lost group again.
func (s *subscription) recover(ctx context.Context, err error) {
	if !s.troubled {
		s.cfg.Logger.Warn("cannot read the log", "stream", s.topic, "err", err)
	}
	s.troubled = true
	if isNoGroup(err) {
		if s.createGroup(ctx) == nil {
			s.cfg.Logger.Warn("consumer group was lost; made it again from the oldest entry", "stream", s.topic)
		}
	}
	// The reply may have been lost after Redis had counted the entries as delivered.
	s.from = oldest
	sleep(ctx, 500*time.Millisecond)
}

func isNoGroup(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOGROUP") }

func (s *subscription) confirmed(acked []*flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range acked {
		delete(s.unacked, f.id)
	}
}

func (s *subscription) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unacked)
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
