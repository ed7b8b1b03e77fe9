package fanout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// BusConfig bounds a Bus. Zero values mean the defaults.
type BusConfig struct {
	QueueMessages    int           // kept for a subscription that is behind, 4096
	QueueBytes       int           // of their payloads, 1 MiB
	PingInterval     time.Duration // 2 s; a connection silent for 2.5 intervals is given up
	SubscribeTimeout time.Duration // 3 s
	Logger           *slog.Logger
	Registerer       prometheus.Registerer
}

const (
	defaultQueueMessages = 4096
	defaultQueueBytes    = 1 << 20
)

// Bus is the live bus: a Watermill Publisher and Subscriber over Redis Pub/Sub,
// which delivers at most once and only while one listens. All subscriptions share
// one connection; topics are added to it and removed from it as they are needed.
//
// Messages may be missed: while the connection was away, or when a subscriber is so
// far behind that its queue overflows. The Bus then puts a message into the
// subscription for which IsGap is true, in the place of what is missing.
//
// The goroutine that reads the connection only appends to queues in memory. That is
// a matter of life for miniredis, which holds its one lock until a published
// message is read.
type Bus struct {
	client  redis.UniversalClient
	cfg     BusConfig
	log     *slog.Logger
	metrics *busMetrics
	wake    chan struct{} // capacity 1: changed is not empty
	closing chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex // nothing blocks while it is held; taken before a queue's
	topics  map[string]*topic
	changed map[string]struct{} // topics that the connection must follow or drop
	started bool
	closed  bool
	down    error // why there is no connection, for error messages
}

// topic is what the Bus follows, as long as somebody wants it.
type topic struct {
	subs []*Feed
	// held collects messages for subscriptions to come; nil unless SubscribeInitialize
	// asked for it.
	held *queue
	// confirmed is closed when Redis has confirmed the subscription, and a new one is
	// made when the connection is lost.
	confirmed chan struct{}
}

// NewBus returns a bus over client. It connects at the first Subscribe, to publish
// at the first Publish.
func NewBus(client redis.UniversalClient, cfg BusConfig) *Bus {
	cfg.QueueMessages = cmp.Or(cfg.QueueMessages, defaultQueueMessages)
	cfg.QueueBytes = cmp.Or(cfg.QueueBytes, defaultQueueBytes)
	cfg.PingInterval = cmp.Or(cfg.PingInterval, 2*time.Second)
	cfg.SubscribeTimeout = cmp.Or(cfg.SubscribeTimeout, 3*time.Second)
	return &Bus{
		client:  client,
		cfg:     cfg,
		log:     loggerOr(cfg.Logger),
		metrics: newBusMetrics(cfg.Registerer),
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		topics:  map[string]*topic{},
		changed: map[string]struct{}{},
	}
}

var errBusClosed = errors.New("bus is closed")

// Publish sends the messages to whoever listens at this moment. When it fails, none,
// some or all of them were sent. The context is that of the first message.
func (b *Bus) Publish(topic string, messages ...*message.Message) error {
	if b.isClosed() {
		return errBusClosed
	}
	if len(messages) == 0 {
		return nil
	}
	ctx := messages[0].Context()
	_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, m := range messages {
			data, err := marshalMessage(m)
			if err != nil {
				return err
			}
			p.Publish(ctx, topic, data)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return nil
}

// Subscribe returns the topic's messages from now on: it returns when Redis has
// confirmed, so that whatever is published afterwards arrives, or a gap in its
// place. It fails when Redis does not confirm in time. The subscription ends with
// ctx or Close, which also close the channel.
func (b *Bus) Subscribe(ctx context.Context, name string) (<-chan *message.Message, error) {
	s := newListener(b, name)
	if err := b.add(ctx, s.Feed); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, errBusClosed
	}
	b.running.Go(func() { s.run(ctx) })
	return s.out, nil
}

// add has the feed get the topic's messages, and waits until it does.
func (b *Bus) add(ctx context.Context, f *Feed) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errBusClosed
	}
	t := b.follow(f.topic)
	t.subs = append(t.subs, f)
	f.live = isClosed(t.confirmed)
	if t.held != nil {
		f.queue.copyFrom(t.held)
	}
	b.mu.Unlock()
	if err := b.awaitConfirmed(ctx, f.topic, t); err != nil {
		b.drop(f)
		return err
	}
	return nil
}

// SubscribeInitialize implements message.SubscribeInitializer: from now until Close
// every subscription to the topic begins with the messages that came since, as far
// as a queue holds them.
func (b *Bus) SubscribeInitialize(name string) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errBusClosed
	}
	t := b.follow(name)
	if t.held == nil {
		t.held = newQueue(b.cfg.QueueMessages, b.cfg.QueueBytes, func() {})
	}
	b.mu.Unlock()
	return b.awaitConfirmed(context.Background(), name, t)
}

// Close ends all subscriptions and returns when their channels are closed. Closing
// again does nothing. The Redis client stays open.
func (b *Bus) Close() error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.closing)
	}
	b.mu.Unlock()
	b.running.Wait()
	return nil
}

func (b *Bus) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// follow returns the topic, which the connection is told to follow if it is new.
func (b *Bus) follow(name string) *topic {
	if !b.started {
		b.started = true
		b.running.Go(b.run)
	}
	t := b.topics[name]
	if t == nil {
		t = &topic{confirmed: make(chan struct{})}
		b.topics[name] = t
		b.change(name)
		b.metrics.topics.Inc()
	}
	return t
}

// drop forgets the subscription, and the topic with the last one.
func (b *Bus) drop(f *Feed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[f.topic]
	if t == nil {
		return
	}
	t.subs = slices.DeleteFunc(t.subs, func(o *Feed) bool { return o == f })
	if len(t.subs) == 0 && t.held == nil {
		delete(b.topics, f.topic)
		b.change(f.topic)
		b.metrics.topics.Dec()
	}
}

func (b *Bus) change(name string) {
	b.changed[name] = struct{}{}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Bus) awaitConfirmed(ctx context.Context, name string, t *topic) error {
	b.mu.Lock()
	confirmed := t.confirmed
	b.mu.Unlock()
	timeout := time.NewTimer(b.cfg.SubscribeTimeout)
	defer timeout.Stop()
	select {
	case <-confirmed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("subscribe to %s: %w", name, ctx.Err())
	case <-b.closing:
		return errBusClosed
	case <-timeout.C:
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.down != nil {
			return fmt.Errorf("subscribe to %s: %w", name, b.down)
		}
		return fmt.Errorf("subscribe to %s: redis does not confirm within %v", name, b.cfg.SubscribeTimeout)
	}
}
