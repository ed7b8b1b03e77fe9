package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
	"confab/fanout"
	"confab/ingest"
	"confab/projector"
	"confab/web"
	"confab/web/frames"
)

// startProjector starts the projector role. It returns what stops it.
func (b *backends) startProjector(parts launcher) (stop func(), err error) {
	cfg := projector.Config{
		Redis:      b.redis.write,
		Blocking:   b.redis.blocking,
		Store:      b.store,
		Stream:     b.stream,
		Partitions: b.partitions,
		HotWindow:  b.cfg.HotWindow,
		Logger:     b.log,
		Registerer: b.registry,
	}
	if b.gate != nil {
		cfg.Committed = b.gate.committed
	}
	p, err := projector.New(cfg)
	if err != nil {
		return nil, err
	}
	b.projector = p
	return parts.start("projector", p.Run), nil
}

// rebuild makes the views again while no projector writes.
func (b *backends) rebuild(ctx context.Context) error {
	return projector.Rebuild(ctx, projector.RebuildConfig{Redis: b.redis.write, Store: b.store, Partitions: b.partitions})
}

// node is the running node role.
type node struct {
	web   *web.Server
	drain func() // sends the clients elsewhere
	stop  func() // after it, nothing of the role runs
}

// startNode starts the node role.
func (b *backends) startNode(parts launcher) (*node, error) {
	// The embedded Redis shows events that a crash may still take back, so there the
	// archive alone says what has happened.
	readable := domain.Stream(b.stream)
	if b.gate != nil {
		readable = nil
	}
	timeline := fanout.NewTimeline(readable, b.store)

	var onConnect func(context.Context, *redis.Conn) error
	if b.gate == nil {
		onConnect = func(ctx context.Context, conn *redis.Conn) error { return b.admission.OnConnect(ctx, conn) } // made below, before the first command
	}
	appending := b.redis.append(onConnect)
	publisher, err := ingest.NewPublisher(appending, ingest.PublisherConfig{
		Live: b.gate == nil, Timeout: b.redisTimeout(), Logger: b.log, Registerer: b.registry,
	})
	if err != nil {
		return nil, err
	}
	var hub *fanout.Hub // made last: it asks the commands, who ask it in a repair only
	commands, err := ingest.NewService(b.ingestConfig(publisher, func(room domain.RoomID) []domain.Record { return hub.Recent(room) }))
	if err != nil {
		return nil, err
	}
	hub = fanout.NewHub(b.hubConfig(timeline, commands))
	server, err := web.New(b.webConfig(timeline, commands, hub))
	if err != nil {
		return nil, err
	}
	stopAdmission := func() {}
	if b.gate == nil {
		b.admission = ingest.NewAdmission(commands)
		stopAdmission = parts.start("admission", b.admission.Run)
	}
	stopHub := parts.start("hub", hub.Run)
	stopWeb := parts.start("web", server.Run)
	return &node{
		web: server,
		drain: func() {
			ctx, cancel := context.WithTimeout(context.Background(), b.cfg.Drain)
			defer cancel()
			if err := server.Drain(ctx); err != nil {
				b.log.Warn("some clients did not leave in time", "err", err)
			}
		},
		stop: func() {
			stopWeb()
			stopHub()
			if err := publisher.Close(); err != nil {
				b.log.Warn("close publisher", "err", err)
			}
			if err := appending.Close(); err != nil {
				b.log.Warn("close the publisher's client", "err", err)
			}
			stopAdmission()
		},
	}, nil
}

func (b *backends) ingestConfig(publisher *ingest.Publisher, recent func(domain.RoomID) []domain.Record) ingest.Config {
	cfg := ingest.Config{
		Publisher:  publisher,
		Redis:      b.redis.write,
		Stream:     b.stream,
		Archive:    b.store,
		Views:      b.store,
		Partitions: b.partitions,
		HotWindow:  b.cfg.HotWindow,
		Limits:     b.cfg.Limits == "on",
		Logger:     b.log,
		Registerer: b.registry,
	}
	if b.gate != nil {
		cfg.Durable = b.gate
	} else {
		cfg.Projected, cfg.Recent = polled{b.store}, recent
	}
	return cfg
}

func (b *backends) hubConfig(timeline *fanout.Timeline, commands *ingest.Service) fanout.HubConfig {
	cfg := fanout.HubConfig{
		Subscriber: b.bus,
		Timeline:   timeline,
		Access:     commands,
		Topic:      func(room domain.RoomID) string { return domain.PartitionOf(room, b.partitions).Live(room) },
		Encode:     frames.Event,
		Decode:     frames.Record,
		Logger:     b.log,
		Registerer: b.registry,
	}
	if b.gate == nil { // else what was shown is in the archive
		cfg.Repair, cfg.BeginEpoch = commands.Repair, commands.ResetRoom
	}
	return cfg
}

func (b *backends) webConfig(timeline *fanout.Timeline, commands *ingest.Service, hub *fanout.Hub) web.Config {
	return web.Config{
		Commands:       commands,
		Timeline:       timeline,
		Views:          b.store,
		Accounts:       b.store,
		Hub:            hub,
		Control:        b.bus,
		Origins:        b.cfg.Origins,
		TrustedProxies: b.trustedProxies(),
		Guests:         b.cfg.guests(),
		Limits:         b.cfg.Limits == "on",
		Node:           b.cfg.Node,
		PingInterval:   b.cfg.Ping,
		Logger:         b.log,
		Registry:       b.registry,
		Ready:          b.problems,
		Warnings:       b.warnings,
	}
}

func (b *backends) trustedProxies() []netip.Prefix {
	var nets []netip.Prefix
	for _, p := range b.cfg.TrustedProxies {
		nets = append(nets, netip.MustParsePrefix(p)) // Validate has parsed it
	}
	return nets
}

// polled waits for the views by looking: the projector is another process.
type polled struct{ views domain.Views }

// Await implements ingest.Awaiter.
func (p polled) Await(ctx context.Context, room domain.RoomID, seq uint64) error {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		applied, err := p.views.Applied(ctx, room)
		if err != nil {
			return fmt.Errorf("look how far the views are: %w", err)
		}
		if applied >= seq {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
