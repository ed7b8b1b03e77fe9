package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
	"confab/projector/sqlite"
	"confab/web/client"
	"confab/web/swarm"
)

// benchProject measures the projector: with a log that has gathered while it was away, and
// under a steady load.
func benchProject(ctx context.Context, b *bench) error {
	if err := b.projectBacklog(ctx); err != nil {
		return fmt.Errorf("backlog: %w", err)
	}
	return b.projectLive(ctx)
}

// backlog is a log of many rooms, with their events mixed.
type backlog struct {
	rooms  []domain.RoomID
	owner  domain.User
	events int
}

func newBacklog(events int) *backlog {
	l := &backlog{rooms: make([]domain.RoomID, min(1000, 1+events/100)), owner: domain.User{ID: domain.UserID(domain.NewID()), Name: "owner"}, events: events}
	for i := range l.rooms {
		l.rooms[i] = domain.RoomID(domain.NewID())
	}
	return l
}

// batches calls f with the records, some at a time.
func (l *backlog) batches(f func([]domain.Record) error) error {
	const size = 4000
	for i := 0; i < l.events; {
		var records []domain.Record
		for ; i < l.events && len(records) < size; i++ {
			rec, err := benchRecord(l.rooms[i%len(l.rooms)], l.owner, 1+i/len(l.rooms))
			if err != nil {
				return err
			}
			records = append(records, rec)
		}
		if err := f(records); err != nil {
			return err
		}
	}
	return nil
}

// insertOnly is the floor: the same events into the same kind of store, and nothing else.
func (l *backlog) insertOnly(ctx context.Context) (took time.Duration, err error) {
	dir, err := os.MkdirTemp("", "confab-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "confab.db"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = store.Close() }()
	return took, l.batches(func(records []domain.Record) error {
		start := time.Now()
		err := store.InsertOnly(ctx, records)
		took += time.Since(start)
		return err
	})
}

// appendTo writes the logs of all partitions, as the append script does.
func (l *backlog) appendTo(ctx context.Context, db *redis.Client, partitions int) error {
	return l.batches(func(records []domain.Record) error {
		_, err := db.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, rec := range records {
				p.XAdd(ctx, &redis.XAddArgs{Stream: domain.PartitionOf(rec.Room, partitions).Log(),
					Values: []any{"_watermill_message_uuid", domain.NewID(), "metadata", "", "payload", rec.Payload}})
			}
			return nil
		})
		return err
	})
}

func (b *bench) projectBacklog(ctx context.Context) error {
	const partitions, live = 16, 10_000
	l := newBacklog(b.scaled(1_000_000))
	floor, err := l.insertOnly(ctx)
	if err != nil {
		return err
	}
	server, err := b.cmd.cluster(ctx, 0)
	if err != nil {
		return err
	}
	defer server.stop()
	b.server = server
	db := redis.NewClient(&redis.Options{Addr: server.redis.addr.String()})
	defer func() { _ = db.Close() }()
	if err := l.appendTo(ctx, db, partitions); err != nil {
		return err
	}
	begun := time.Now()
	if err := server.startNode(ctx, "node1", "CONFAB_REDIS_URL=redis://"+server.redis.addr.String(), fmt.Sprint("CONFAB_PARTITIONS=", partitions)); err != nil {
		return err
	}
	server.addr = server.nodes[0].addr
	for done := 0.0; done < float64(l.events); {
		if done, err = server.metric(ctx, "confab_projector_records_total"); err != nil {
			return err
		}
		if err := sleepFor(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	rate := float64(l.events) / time.Since(begun).Seconds() // the start included
	held, err := usageOf(server.pids...)
	if err != nil {
		return err
	}
	plain := float64(l.events) / floor.Seconds()
	b.figure("events/s of a backlog; floor: events inserted and nothing else", rate, "/s").over(plain).goal("≥ 0.8 × floor")
	b.figure("an hour at 10 000 messages/s is caught up within", 3600*live/rate/60, "min").goal("< 60")
	b.figure("server's memory meanwhile", held.rss/(1<<20), "MiB")
	return b.verifyBacklog(ctx, l)
}

// verifyBacklog looks for all that was logged in the history.
func (b *bench) verifyBacklog(ctx context.Context, l *backlog) error {
	session, err := client.Guest(ctx, b.server.url(), "guest")
	if err != nil {
		return err
	}
	const looked = 5
	return inParallel(min(looked, len(l.rooms)), func(n int) error { // Redis does not know them yet, which takes 3 s each
		i := n * len(l.rooms) / looked
		want := uint64(l.events / len(l.rooms))
		if i < l.events%len(l.rooms) {
			want++
		}
		var after uint64
		for after < want {
			page, err := session.Events(ctx, l.rooms[i], after, 200)
			if err != nil {
				return err
			}
			for _, e := range page.Events {
				if after++; e.Seq != after {
					return fmt.Errorf("the archive has event %d where %d must be", e.Seq, after)
				}
			}
			if len(page.Events) == 0 {
				return fmt.Errorf("a room has %d events, not %d", after, want)
			}
		}
		return nil
	})
}

// projectLive measures how far the projector is behind while messages flow.
func (b *bench) projectLive(ctx context.Context) error {
	const rate = 10_000
	server, err := b.cmd.cluster(ctx, 1)
	if err != nil {
		return err
	}
	defer server.stop()
	b.server = server
	rooms := b.scaled(1000)
	c, err := b.gather(ctx, rooms, rooms, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	before, err := server.histogram(ctx, "confab_projector_lag_seconds")
	if err != nil {
		return err
	}
	if _, err := c.send(ctx, rate, rooms); err != nil {
		return err
	}
	after, err := server.histogram(ctx, "confab_projector_lag_seconds")
	if err != nil {
		return err
	}
	b.figure("at 10 000 messages/s: p50 of the lag is at most", 1000*after.minus(before).atMost(0.5), "ms")
	b.figure("at 10 000 messages/s: p99 of the lag is at most", 1000*after.minus(before).atMost(0.99), "ms").goal("< 100")
	b.figure("at 10 000 messages/s: p99 of the ack", ms(c.Stats().Ack.ValueAtQuantile(99)), "ms")
	return c.verify(ctx)
}

// benchRecord is what stands in the log for a message of 128 bytes, or, as seq 1, for the
// creation of its room.
func benchRecord(room domain.RoomID, owner domain.User, seq int) (domain.Record, error) {
	at := time.Now()
	e := domain.Event{Room: room, Seq: uint64(seq), ID: domain.NewID(), At: domain.At(at), Actor: owner, Key: client.NewKey()}
	if seq == 1 {
		e.Kind, e.Name, e.Visibility = domain.RoomCreated, "bench", domain.Public
	} else {
		e.Kind, e.Body = domain.MessagePosted, string(swarm.Body(at, benchBody))
	}
	return domain.EncodeEvent(e)
}
