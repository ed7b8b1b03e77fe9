// Package projector consumes the log and makes history of it: it archives every
// event, keeps the views up to date, and then, not before, lets go of what Redis
// holds. See DESIGN.md.
package projector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"confab/domain"
)

// Group is the consumer group in which the projector reads the log.
const Group = "projector"

// Store is what the projector needs of a domain.Store.
type Store interface {
	domain.Archive
	domain.Projection
	// Applied is domain.Views.Applied: up to where a room needs nothing more.
	Applied(ctx context.Context, room domain.RoomID) (uint64, error)
	Ping(ctx context.Context) error
}

// Config configures a Projector. Redis, Store, Stream and Partitions are required.
type Config struct {
	Redis      redis.UniversalClient // MaxRetries -1, ContextTimeoutEnabled
	Store      Store
	Stream     domain.Stream // where the log has a gap
	Partitions int

	// Subscriber makes the log's subscriber, one for each time that a partition is
	// taken; the projector closes it. Default: NewSubscriber on Blocking.
	Subscriber func(consumer string) (message.Subscriber, error)
	// Blocking is the client for reads that wait, one connection for each partition.
	// Default: Redis.
	Blocking redis.UniversalClient
	// Block is how long such a read waits, and about how long a stop takes. Default 1 s.
	Block time.Duration

	// Committed, if set, is called after records became durable, in order, and before
	// they are acked in the log. It may get records again. An error is logged only.
	Committed func(ctx context.Context, records []domain.Record) error

	// BatchSize is how many log entries one Project gets at most. Default 2000.
	BatchSize int
	// HotWindow is how many archived events a room's stream keeps. Default 1000.
	HotWindow int
	// LeaseTTL is how long after its owner's death a partition stays unserved at most,
	// but for a second. Default 4 s.
	LeaseTTL time.Duration

	Logger     *slog.Logger          // default: none
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // stamps tombstones; default time.Now
}

func (c *Config) setDefaults() {
	setDefault(&c.Block, time.Second)
	setDefault(&c.BatchSize, 2000)
	setDefault(&c.HotWindow, 1000)
	setDefault(&c.LeaseTTL, 4*time.Second)
	setDefault(&c.Blocking, c.Redis)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Subscriber == nil {
		c.Subscriber = func(consumer string) (message.Subscriber, error) {
			return NewSubscriber(c.Blocking, SubscriberConfig{
				Group: Group, Consumer: consumer, Window: 2 * c.BatchSize, Block: c.Block, Logger: c.Logger,
			})
		}
	}
}

// Projector projects all partitions that no other projector has.
type Projector struct {
	cfg     Config
	dead    message.Publisher // of the dead letters
	metrics *metrics
	store   *dependency
	redis   *dependency
}

// New makes a Projector. It does no I/O.
func New(cfg Config) (*Projector, error) {
	if cfg.Redis == nil || cfg.Store == nil || cfg.Stream == nil || cfg.Partitions < 1 {
		return nil, errors.New("projector needs Redis, a store, a stream and at least one partition")
	}
	cfg.setDefaults()
	dead, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: unclosable{cfg.Redis}}, nil)
	if err != nil {
		return nil, fmt.Errorf("make dead-letter publisher: %w", err)
	}
	return &Projector{
		cfg:     cfg,
		dead:    dead,
		metrics: newMetrics(cfg.Registerer),
		store:   &dependency{name: "the store", logger: cfg.Logger},
		redis:   &dependency{name: "Redis", logger: cfg.Logger},
	}, nil
}

// unclosable keeps the stock publisher from closing a client that it does not own.
type unclosable struct{ redis.UniversalClient }

func (unclosable) Close() error { return nil }

// Run projects until ctx ends. Then it finishes the batches in work, if the store
// takes them within a few seconds, gives its partitions back, and returns nil.
func (p *Projector) Run(ctx context.Context) error {
	defer func() { _ = p.dead.Close() }()
	var g errgroup.Group
	for i := range p.cfg.Partitions {
		g.Go(func() error { p.serve(ctx, domain.Partition(i)); return nil })
	}
	g.Go(func() error { p.watchStore(ctx); return nil })
	return g.Wait()
}

// serve takes a partition whenever it is free, and works on it while it has it.
func (p *Projector) serve(ctx context.Context, part domain.Partition) {
	logger := p.cfg.Logger.With("partition", int(part))
	name := "lease " + partLabel(part)
	defer p.redis.forget(name)
	for ctx.Err() == nil {
		l := newLease(p.cfg.Redis, part, p.cfg.LeaseTTL)
		got, err := l.acquire(ctx)
		if ctx.Err() == nil {
			p.redis.report(name, err)
		}
		if got {
			logger.Info("took the partition")
			err := p.own(ctx, part, l, logger)
			l.release(ctx)
			logger.Info("left the partition", "reason", err)
		}
		sleep(ctx, p.cfg.LeaseTTL/8)
	}
}

// grace is how long a batch in work has to finish after a stop.
const grace = 5 * time.Second

var errLeaseLost = errors.New("the lease was lost")

// own works on a partition until ctx ends or the lease is lost, and says which.
func (p *Projector) own(ctx context.Context, part domain.Partition, l *lease, logger *slog.Logger) error {
	p.metrics.owned.Inc()
	defer p.metrics.owned.Dec()

	// held ends when the lease is lost, and not yet when we are asked to stop.
	held, lost := context.WithCancelCause(context.WithoutCancel(ctx))
	defer lost(nil)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { lost(ctx.Err()) }) })()
	var g errgroup.Group
	defer func() { lost(nil); _ = g.Wait() }()
	g.Go(func() error {
		l.hold(held, func(err error) { p.redis.report("lease "+partLabel(part), err) })
		lost(errLeaseLost)
		return nil
	})
	acked := make(chan struct{}, 1)
	g.Go(func() error { p.tidyLog(held, part, acked); return nil })

	sub, err := p.cfg.Subscriber(fmt.Sprintf("projector-%d", part))
	if err != nil {
		return fmt.Errorf("make subscriber: %w", err)
	}
	defer func() { _ = sub.Close() }()
	// Reading goes on until the last batch is acked: an ack after it would be lost.
	messages, err := sub.Subscribe(held, part.Log())
	if err != nil {
		return fmt.Errorf("subscribe to the log: %w", err)
	}
	w := newWorker(p, part, l, logger, ctx.Done())
	defer w.close()
	items := make(chan item, p.cfg.BatchSize)
	g.Go(func() error { w.decodeAll(held, messages, items); return nil })
	for {
		batch, err := p.gather(ctx, items)
		if err != nil {
			return errors.Join(err, context.Cause(held))
		}
		if err := w.apply(held, batch); err != nil {
			return err
		}
		signal(acked)
	}
}

// linger is how long a batch gathers at most that no ack waits for (Committed) and that is not
// large already. All partitions wait for the same moment, so that their batches share a
// transaction, and an event's way into the store seldom shares the processor with its way to
// its receivers, which begins when it is appended.
const (
	linger = 25 * time.Millisecond
	large  = 500 // items
)

// gather waits for an item, and takes what there is besides after a while. While a batch is
// being projected the next one gathers in the channel, so that batches are as large as the
// store is slow.
func (p *Projector) gather(ctx context.Context, in <-chan item) ([]item, error) {
	var first item
	select {
	case it, ok := <-in:
		if !ok {
			return nil, errors.New("the subscription ended")
		}
		first = it
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if p.cfg.Committed == nil && len(in) < large {
		sleep(ctx, linger-time.Duration(time.Now().UnixNano())%linger) // until a multiple of it
	}
	batch := append(make([]item, 0, 1+len(in)), first)
	for len(batch) < p.cfg.BatchSize {
		select {
		case it, ok := <-in:
			if !ok { // work with what there is; the next call says it
				return batch, nil
			}
			batch = append(batch, it)
		default:
			return batch, nil
		}
	}
	return batch, nil
}
