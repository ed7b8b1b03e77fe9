package fanout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
)

// run keeps a connection to Redis until Close. It never tries more often than the
// backoff allows, even when connections are accepted and then die at once.
func (b *Bus) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.running.Go(func() { // ends with run: whoever closes also ends the connection
		<-b.closing
		cancel()
	})
	wait := newBackoff()
	for {
		began := time.Now()
		err := b.serveConnection(ctx)
		if ctx.Err() != nil {
			return
		}
		b.lost(err)
		b.metrics.reconnects.Inc()
		b.log.Warn("live bus lost its connection", "error", err)
		if time.Since(began) > 10*time.Second {
			wait = newBackoff()
		}
		if !sleep(ctx, wait.next()) {
			return
		}
	}
}

// connection is one life of the Pub/Sub connection: which topics it was told to
// follow, and how many of those commands Redis has not confirmed yet. It is guarded
// by Bus.mu.
type connection struct {
	pubsub     *redis.PubSub
	followed   map[string]bool
	unanswered map[string]int
}

// serveConnection opens a connection, lets it follow all topics, and distributes
// what it brings until it fails. go-redis would reconnect by itself, but without
// telling what was missed, so each failure ends the connection for good.
func (b *Bus) serveConnection(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c := &connection{pubsub: b.client.Subscribe(ctx), followed: map[string]bool{}, unanswered: map[string]int{}}
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() { _ = c.pubsub.Close(); close(closed) }) // ends a blocked read
	defer func() { fail(nil); <-closed }()

	if err := c.pubsub.Ping(ctx); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	b.followAgain()
	writing := make(chan struct{})
	go func() { // owned by this function, which waits for it
		defer close(writing)
		fail(b.write(ctx, c))
	}()
	err := b.read(ctx, c)
	if why := context.Cause(ctx); why != nil {
		err = why
	}
	fail(err)
	<-writing
	return err
}

// read appends what comes to queues in memory and does nothing that could wait.
func (b *Bus) read(ctx context.Context, c *connection) error {
	// The pings of write are answered, so a good connection is never silent so long.
	silence := b.cfg.PingInterval * 5 / 2
	for {
		received, err := c.pubsub.ReceiveTimeout(ctx, silence)
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		switch m := received.(type) {
		case *redis.Message:
			b.dispatch(m)
		case *redis.Subscription:
			b.confirm(c, m.Channel)
		}
	}
}

// write tells Redis which topics to follow and to drop, and pings it.
func (b *Bus) write(ctx context.Context, c *connection) error {
	ping := time.NewTicker(b.cfg.PingInterval)
	defer ping.Stop()
	for {
		follow, drop := b.changes(c)
		if err := inBatches(follow, func(names []string) error { return c.pubsub.Subscribe(ctx, names...) }); err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		if err := inBatches(drop, func(names []string) error { return c.pubsub.Unsubscribe(ctx, names...) }); err != nil {
			return fmt.Errorf("unsubscribe: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.wake:
		case <-ping.C:
			if err := c.pubsub.Ping(ctx); err != nil {
				return fmt.Errorf("ping: %w", err)
			}
		}
	}
}

func inBatches(names []string, do func([]string) error) error {
	const size = 256
	for len(names) > 0 {
		n := min(len(names), size)
		if err := do(names[:n]); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}

// followAgain makes a new connection follow every topic.
func (b *Bus) followAgain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = nil
	for name := range b.topics {
		b.change(name)
	}
}

// changes returns the topics whose following differs from what c was told, and
// counts them as told.
func (b *Bus) changes(c *connection) (follow, drop []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.changed {
		_, wanted := b.topics[name]
		if wanted == c.followed[name] {
			b.settle(c, name) // dropped and wanted again before anything was sent
			continue
		}
		c.followed[name] = wanted
		c.unanswered[name]++
		if wanted {
			follow = append(follow, name)
		} else {
			drop = append(drop, name)
		}
	}
	clear(b.changed)
	return follow, drop
}

// confirm takes an answer of Redis about a topic.
func (b *Bus) confirm(c *connection, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.unanswered[name]--; c.unanswered[name] <= 0 {
		delete(c.unanswered, name)
	}
	b.settle(c, name)
}

// settle confirms a topic that is followed: the last command about it was to follow
// it, and is answered. An answer to an earlier one, before the topic was dropped and
// wanted again, proves nothing.
func (b *Bus) settle(c *connection, name string) {
	if c.unanswered[name] > 0 {
		return
	}
	if !c.followed[name] {
		delete(c.followed, name)
		return
	}
	t := b.topics[name]
	if t == nil || isClosed(t.confirmed) {
		return
	}
	close(t.confirmed)
	for _, s := range t.subs {
		if s.live { // it was listening before the connection was lost
			s.queue.pushGap()
			b.metrics.gaps.WithLabelValues("reconnect").Inc()
		}
		s.live = true
	}
}

// lost notes that no topic is followed at the moment.
func (b *Bus) lost(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = why
	for _, t := range b.topics {
		if isClosed(t.confirmed) {
			t.confirmed = make(chan struct{})
		}
	}
}

func (b *Bus) dispatch(m *redis.Message) {
	b.metrics.messages.Inc()
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[m.Channel]
	if t == nil {
		return
	}
	if t.held != nil {
		t.held.push(m.Payload)
	}
	for _, s := range t.subs {
		if !s.queue.push(m.Payload) {
			b.metrics.gaps.WithLabelValues("overflow").Inc()
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// backoff spaces attempts out: doubling from 50 ms to 2 s, each spread by a half, so
// that nodes that lost the same Redis do not come back in step.
type backoff struct{ step time.Duration }

func newBackoff() *backoff { return &backoff{step: 50 * time.Millisecond} }

func (w *backoff) next() time.Duration {
	d := w.step/2 + rand.N(w.step)
	w.step = min(2*w.step, 2*time.Second)
	return d
}

// sleep waits and reports whether ctx is still alive.
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
