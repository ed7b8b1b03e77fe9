package projector

import (
	"context"
	"errors"
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
//	settle   one for each message in flight: waits for its Ack or Nack
//	ack      gathers what was acked into batched XACKs
type subscription struct {
	client redis.UniversalClient
	cfg    *SubscriberConfig
	topic  string

	out   chan *message.Message // holds the whole window, so sending never blocks
	slots chan struct{}         // one token for each message in flight
	acked chan string
	wg    sync.WaitGroup // settle

	from      string    // where the next read starts
	lastClaim time.Time // when pending entries were last looked after
	troubled  bool      // the last read failed

	mu       sync.Mutex
	inFlight map[string]struct{} // read, and XACK not confirmed
}

func newSubscription(client redis.UniversalClient, cfg *SubscriberConfig, topic string) *subscription {
	return &subscription{
		client: client, cfg: cfg, topic: topic,
		out:      make(chan *message.Message, cfg.Window),
		slots:    make(chan struct{}, cfg.Window),
		acked:    make(chan string, cfg.Window),
		inFlight: map[string]struct{}{},
		from:     oldest,
	}
}

// run returns when ctx has ended, all goroutines too, and the acks are sent.
func (s *subscription) run(ctx context.Context) {
	acks := make(chan struct{})
	go func() {
		defer close(acks)
		s.ack(ctx)
	}()
	for ctx.Err() == nil {
		if err := s.step(ctx); err != nil && ctx.Err() == nil {
			s.recover(ctx, err)
		} else if s.troubled {
			s.troubled = false
			s.cfg.Logger.Info("reading the log again", "stream", s.topic)
		}
	}
	s.wg.Wait()
	close(s.acked)
	<-acks
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
	return s.deliver(ctx, entries)
}

// waitForRoom returns how many more messages the window takes, at least 1.
func (s *subscription) waitForRoom(ctx context.Context) (int, error) {
	select {
	case s.slots <- struct{}{}:
		<-s.slots
		return max(1, cap(s.slots)-len(s.slots)), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
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

// deliver puts entries that are not in flight already into the channel.
func (s *subscription) deliver(ctx context.Context, entries []redis.XMessage) error {
	for _, x := range entries {
		if !s.begin(x.ID) {
			continue
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if x.Values == nil { // deleted from the stream while it was pending
			s.acked <- x.ID
			<-s.slots
			continue
		}
		msg := messageOf(x)
		msgCtx, cancel := context.WithCancel(ctx)
		msg.SetContext(msgCtx)
		s.out <- msg
		s.wg.Go(func() { s.settle(ctx, x.ID, msg, cancel) })
	}
	return nil
}

// settle sees a message through to its Ack, or leaves it pending when ctx ends.
func (s *subscription) settle(ctx context.Context, id string, msg *message.Message, cancel context.CancelFunc) {
	defer func() { cancel(); <-s.slots }()
	for {
		select {
		case <-msg.Acked():
		case <-msg.Nacked():
			msg = msg.CopyWithContext()
			if !sleep(ctx, s.cfg.NackDelay) {
				return
			}
			s.out <- msg
			continue
		case <-ctx.Done():
			select {
			case <-msg.Acked(): // both are true: the ack counts
			default:
				return
			}
		}
		cancel()
		s.acked <- id
		return
	}
}

// ack sends acks until the channel is closed, as many at once as have gathered.
func (s *subscription) ack(ctx context.Context) {
	away := false // Redis did not answer and ctx has ended: what is left comes again
	for id := range s.acked {
		ids := []string{id}
		for len(ids) < maxRead && len(s.acked) > 0 {
			ids = append(ids, <-s.acked)
		}
		for wait := 50 * time.Millisecond; !away && !s.xack(ctx, ids); wait = min(2*wait, time.Second) {
			away = !sleep(ctx, wait)
		}
		s.end(ids)
	}
}

func (s *subscription) xack(ctx context.Context, ids []string) bool {
	// Also when ctx has ended: what was acked before should not come again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := s.client.XAck(ctx, s.topic, s.cfg.Group, ids...).Err()
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
		if err := s.deliver(ctx, entries); err != nil || len(idle) < count {
			return err
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

// begin returns false for an entry that is in flight.
func (s *subscription) begin(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.inFlight[id]; ok {
		return false
	}
	s.inFlight[id] = struct{}{}
	return true
}

func (s *subscription) end(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.inFlight, id)
	}
}

func (s *subscription) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inFlight)
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
