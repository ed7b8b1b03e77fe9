package projector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

// SubscriberConfig configures a Subscriber. Group and Consumer are required.
type SubscriberConfig struct {
	Group string
	// Consumer names this reader in the group. A stable name finds its own pending
	// entries again after a restart; two readers with one name share them.
	Consumer string
	// Window is how many messages may be in flight: handed out, or waiting in the
	// channel, and not acked yet. 1 makes delivery strictly serial. Default 1024.
	Window int
	// WindowBytes bounds the payloads in flight, but for those of one read (512
	// entries). Default 2 MiB.
	WindowBytes int
	// Block is how long one read waits for entries, and about how long Close may
	// take. Default 1 s.
	Block time.Duration
	// ClaimEvery is how often pending entries are looked after: the own ones whose
	// delivery was lost on the way, and those that other consumers of the group have
	// left alone for ClaimIdle. Defaults 5 s and 60 s.
	ClaimEvery time.Duration
	ClaimIdle  time.Duration
	// NackDelay is how long after a Nack the message comes again, at least. Default 200 ms.
	NackDelay time.Duration
	Logger    *slog.Logger // default: none
}

func (c *SubscriberConfig) setDefaults() {
	setDefault(&c.Window, 1024)
	setDefault(&c.WindowBytes, 2<<20)
	setDefault(&c.Block, time.Second)
	setDefault(&c.ClaimEvery, 5*time.Second)
	setDefault(&c.ClaimIdle, time.Minute)
	setDefault(&c.NackDelay, 200*time.Millisecond)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Subscriber is a Watermill subscriber over Redis streams with consumer groups, made
// for a consumer that works in batches: it reads many entries at once, hands out
// messages before earlier ones are acked, and acks many with one XACK.
//
// Delivery is at least once, and in order as long as nothing is nacked and the group
// has one reader. A new group starts at the oldest entry, and so does one that was
// lost and is made again. An entry that is no Watermill message comes as a message
// with the metadata Malformed.
type Subscriber struct {
	client redis.UniversalClient
	cfg    SubscriberConfig

	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	running sync.WaitGroup
}

// NewSubscriber makes a Subscriber on a client that stays the caller's: Close does
// not close it. The client should have MaxRetries -1 and ContextTimeoutEnabled, so
// that a dead connection is noticed within Block and a few seconds.
func NewSubscriber(client redis.UniversalClient, cfg SubscriberConfig) (*Subscriber, error) {
	if cfg.Group == "" || cfg.Consumer == "" {
		return nil, errors.New("subscriber needs a group and a consumer name")
	}
	cfg.setDefaults()
	return &Subscriber{client: client, cfg: cfg, closing: make(chan struct{})}, nil
}

// Subscribe starts reading a stream, which it creates if it is not there. The
// channel is closed when ctx ends or the Subscriber is closed, and never because of
// what the stream holds or because Redis is away.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("subscriber closed")
	}
	sub := newSubscription(s.client, &s.cfg, topic)
	if err := sub.createGroup(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s.running.Go(func() {
		defer cancel()
		sub.run(ctx)
	})
	s.running.Go(func() {
		defer cancel()
		select {
		case <-s.closing:
		case <-ctx.Done():
		}
	})
	return sub.out, nil
}

// SubscribeInitialize makes the consumer group, so that what is published from now
// on is not lost to it.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	return newSubscription(s.client, &s.cfg, topic).createGroup(context.Background())
}

// Close ends all subscriptions and waits for them. Acks given before are sent.
// Messages that were not acked stay pending for the next reader. Idempotent.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

func (s *subscription) createGroup(ctx context.Context) error {
	err := s.client.XGroupCreateMkStream(ctx, s.topic, s.cfg.Group, "0").Err()
	// A Redis that is full refuses to look whether it is there: then NOGROUP says that it is not.
	if redis.HasErrorPrefix(err, "BUSYGROUP") || redis.HasErrorPrefix(err, "OOM") {
		return nil
	}
	return err
}
