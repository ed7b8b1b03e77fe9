package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"

	"confab/domain"
	"confab/fanout"
	"confab/ingest"
	"confab/ingest/embedredis"
	"confab/projector"
	"confab/projector/mongodb"
	"confab/projector/sqlite"
	"confab/web"
)

// backends are what the roles work on, and the pieces that the roles share.
type backends struct {
	cfg        Config
	log        *slog.Logger
	registry   *prometheus.Registry
	partitions int
	redis      redisClients
	store      domain.Store
	history    string // the store's ID
	bus        *fanout.Bus
	stream     *fanout.Stream
	gate       *gate                // with an embedded Redis only
	projector  *projector.Projector // with the projector role only
	admission  *ingest.Admission    // with the node role, and without an embedded Redis, only
	closers    []func() error
}

// openBackends returns when Redis and the store answer. Meanwhile it tells say what
// it waits for.
func openBackends(ctx context.Context, cfg Config, say func(component, reason string), log *slog.Logger) (*backends, error) {
	b := &backends{cfg: cfg, log: log, registry: prometheus.NewRegistry(), partitions: cfg.Partitions}
	b.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := b.open(ctx, say); err != nil {
		b.closeAll()
		return nil, err
	}
	b.bus = fanout.NewBus(b.redis.live, fanout.BusConfig{Logger: log, Registerer: b.registry})
	b.onClose(b.bus.Close)
	b.stream = fanout.NewStream(b.redis.write, b.partitions)
	if cfg.embeddedRedis() {
		b.gate = newGate(b.bus, b.store, b.partitions)
	}
	return b, nil
}

func (b *backends) open(ctx context.Context, say func(component, reason string)) error {
	options, err := b.redisOptions()
	if err != nil {
		return err
	}
	b.redis = newRedisClients(options, b.redisTimeout(), b.partitions)
	b.onClose(b.redis.Close)
	err = b.await(ctx, say, "redis", func() error { return checkRedis(ctx, b.redis.write) })
	if err != nil {
		return err
	}
	for _, weak := range weakSettings(ctx, b.redis.write) {
		b.log.Warn(weak)
	}
	err = b.await(ctx, say, "store", func() error {
		store, err := b.openStore(ctx)
		if err != nil {
			return err
		}
		if b.history, err = store.ID(ctx); err != nil {
			if b.cfg.MongoURI == "" {
				err = b.spoiled(err)
			}
			return errors.Join(err, store.Close())
		}
		b.store = store
		return nil
	})
	if err != nil {
		return err
	}
	b.onClose(b.store.Close)
	// A Redis remembers for ever whose it is, so it is claimed last: who is refused the store may
	// take this Redis for another. A store is not held for a Redis that belongs to another one.
	if err := b.await(ctx, say, "redis", func() error { return b.lookAtRedis(ctx) }); err != nil {
		return err
	}
	if b.cfg.embeddedRedis() {
		b.onClose(b.releaseStore)
	}
	if err := b.await(ctx, say, "store", func() error { return b.claimStore(ctx) }); err != nil {
		return err
	}
	return b.await(ctx, say, "redis", func() error { return b.claimRedis(ctx) })
}

func (b *backends) redisOptions() (redis.Options, error) {
	if !b.cfg.embeddedRedis() {
		return redisOptions(b.cfg.RedisURL)
	}
	b.partitions = 1 // there is one process to share the work among
	server, err := embedredis.Start()
	if err != nil {
		return redis.Options{}, err
	}
	b.onClose(server.Close)
	return *server.Options(), nil
}

// redisTimeout is long for the embedded Redis: it does not hang, but it is slow, and
// what is given up only comes again.
func (b *backends) redisTimeout() time.Duration {
	if b.cfg.embeddedRedis() {
		return time.Minute
	}
	return 3 * time.Second
}

func (b *backends) openStore(ctx context.Context) (domain.Store, error) {
	if uri := string(b.cfg.MongoURI); uri != "" {
		store, err := mongodb.Open(ctx, uri)
		if err != nil && !strings.HasPrefix(uri, "mongodb+srv:") { // that asks a name server
			err = permanent{err}
		}
		return store, err
	}
	store, err := sqlite.Open(ctx, b.cfg.database())
	if err != nil {
		return nil, b.spoiled(err)
	}
	return store, nil
}

// spoiled is an error of the embedded store: a file does not become better by waiting.
func (b *backends) spoiled(err error) error {
	return permanent{fmt.Errorf("%w; --data names another folder than %s", err, b.cfg.Data)}
}

// await calls f with growing pauses until it succeeds, fails for good, or ctx ends.
func (b *backends) await(ctx context.Context, say func(component, reason string), component string, f func() error) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := f()
		if err == nil {
			return nil
		}
		if _, ok := errors.AsType[permanent](err); ok {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		say(component, "it does not answer yet")
		b.log.Warn("waiting for "+component, "err", err, "retry_in", pause.String())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (b *backends) onClose(f func() error) { b.closers = append(b.closers, f) }

// closeAll releases everything, in the reverse order of opening.
func (b *backends) closeAll() {
	for _, closer := range slices.Backward(b.closers) {
		if err := closer(); err != nil {
			b.log.Warn("close", "err", err)
		}
	}
	b.closers = nil
}

// problems says why the process cannot serve at the moment.
func (b *backends) problems(ctx context.Context) []web.ReadyProblem {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var problems []web.ReadyProblem
	for _, backend := range []struct {
		name string
		ping func() error
	}{
		{"redis", func() error { return b.redis.write.Ping(ctx).Err() }},
		{"store", func() error { return b.store.Ping(ctx) }},
	} {
		if err := backend.ping(); err != nil {
			b.log.Warn("not ready", "component", backend.name, "err", err)
			problems = append(problems, web.ReadyProblem{Component: backend.name, Reason: "it does not answer"})
		}
	}
	if b.admission != nil && b.admission.Pending() {
		problems = append(problems, web.ReadyProblem{Component: "redis", Reason: "it has just started; nodes look for what it may have lost"})
	}
	if b.projector != nil {
		if err := b.projector.Ready(); err != nil {
			b.log.Warn("not ready", "component", "projector", "err", err)
			problems = append(problems, web.ReadyProblem{Component: "projector", Reason: "what it works on does not answer"})
		}
	}
	return problems
}

// warnings says what an operator should mend although clients are served. Redis is
// asked each time, since its settings can be changed while it runs.
func (b *backends) warnings(ctx context.Context) []web.ReadyProblem {
	if b.cfg.embeddedRedis() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var warnings []web.ReadyProblem
	for _, weak := range weakSettings(ctx, b.redis.write) {
		warnings = append(warnings, web.ReadyProblem{Component: "redis", Reason: weak})
	}
	return warnings
}

func (b *backends) metrics() http.Handler {
	return promhttp.HandlerFor(b.registry, promhttp.HandlerOpts{})
}

type rebuildCmd struct{}

// Run makes the views again from the archive.
func (rebuildCmd) Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	parts := launcher{ctx: context.WithoutCancel(ctx), fail: fail}
	if cfg.MongoURI == "" {
		if _, err := os.Stat(cfg.database()); err != nil {
			return fmt.Errorf("rebuild: there is no history: %w; --data names the folder", err)
		}
	}
	say := func(component, reason string) { log.Info("waiting", "component", component, "reason", reason) }
	b, err := openBackends(ctx, cfg, say, log)
	if err != nil {
		return err
	}
	defer b.closeAll()
	defer parts.start("store", again(claimStoreEvery, b.claimStore))() // it may take longer than silence is waited for
	start := time.Now()
	if err := b.rebuild(ctx); err != nil {
		return fmt.Errorf("rebuild: %w; run it again, until it has ended rooms may be missing in lists", err)
	}
	log.Info("rebuilt", "took", time.Since(start).String())
	return nil
}
