package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"confab/domain"
	"confab/projector/sqlite"
	"confab/web/client"
	"confab/web/swarm"
)

// benchStorm cuts everybody, lets the rooms go on, and lets everybody back in.
func benchStorm(ctx context.Context, b *bench) error {
	const missed = 100
	clients := b.scaled(10_000)
	rooms := max(1, clients/100)
	sessions, err := b.guests(ctx, max(rooms, clients/10))
	if err != nil {
		return err
	}
	c, err := b.gatherAs(ctx, rooms, clients, 0, sessions)
	if err != nil {
		return err
	}
	defer c.Close()
	lasts := make([]uint64, clients)
	for conn, last := range c.Lasts() {
		lasts[conn.Number()] = last
	}
	c.Cut(c.conns...)

	if err := b.goOn(ctx, c, missed); err != nil {
		return err
	}
	c.Reset()
	var took time.Duration
	used, err := b.during(ctx, func() error {
		c.conns, err = c.Dial(clients, func(i int) swarm.Login {
			return swarm.Login{Token: sessions[i%len(sessions)].Token, Then: func(conn *swarm.Conn) error {
				return conn.Subscribe(c.rooms[i%rooms], &lasts[i])
			}}
		})
		if err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		err := c.Await(wait, "all have caught up", func(s *swarm.Stats) bool { return s.CaughtUp == int64(clients) })
		took = time.Since(c.Stats().Started)
		return err
	})
	if err != nil {
		return err
	}
	s := c.Stats()
	b.expect("events that were missed", s.Events, int64(clients*missed))
	b.figure("until all have caught up", took.Seconds(), "s").goal("≤ 3")
	b.figure("events/s", float64(s.Events)/took.Seconds(), "/s")
	b.costs("", "client", used, int64(clients))
	return c.verify(ctx)
}

// goOn posts n messages to each room while nobody listens.
func (b *bench) goOn(ctx context.Context, c *benchRooms, n int) error {
	posting, err := swarm.New(b.server.addr)
	if err != nil {
		return err
	}
	defer posting.Close()
	conns, err := posting.Dial(len(c.rooms), func(i int) swarm.Login { return swarm.Login{Token: c.own[i].Token} })
	if err != nil {
		return err
	}
	for range n {
		for i, conn := range conns {
			if err := conn.Send(c.rooms[i], benchBody); err != nil {
				return err
			}
			c.sent[i]++
		}
	}
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return posting.Await(wait, "the missed messages are acked", func(s *swarm.Stats) bool { return s.Acks == int64(n*len(conns)) })
}

// stored starts a server whose store has public rooms of so many messages already.
func (b *bench) stored(ctx context.Context, sizes ...int) ([]domain.RoomID, error) {
	rooms := make([]domain.RoomID, len(sizes))
	dir, err := os.MkdirTemp("", "confab-bench-")
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, filepath.Join(dir, "confab.db"))
	if err != nil {
		return nil, err
	}
	for i, n := range sizes {
		if rooms[i], err = storeRoom(ctx, store, n); err != nil {
			return nil, err
		}
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	b.server, err = b.cmd.cluster(ctx, 1, "CONFAB_DATA="+dir)
	if err == nil {
		b.server.dirs = append(b.server.dirs, dir)
	}
	return rooms, err
}

// storeRoom writes a public room of n messages as the projector would.
func storeRoom(ctx context.Context, store domain.Store, n int) (domain.RoomID, error) {
	const batch = 4000
	room, owner := domain.RoomID(domain.NewID()), domain.User{ID: domain.UserID(domain.NewID()), Name: "owner"}
	for seq := 1; seq <= n+1; {
		var records []domain.Record
		for ; seq <= n+1 && len(records) < batch; seq++ {
			r, err := benchRecord(room, owner, seq)
			if err != nil {
				return "", err
			}
			records = append(records, r)
		}
		if err := store.Project(ctx, records); err != nil {
			return "", err
		}
	}
	return room, nil
}

// benchDepth lets one client come back from further and further.
func benchDepth(ctx context.Context, b *bench) error {
	longest := b.scaled(1_000_000)
	rooms, err := b.stored(ctx, longest)
	if err != nil {
		return err
	}
	defer b.server.stop()
	session, err := client.Guest(ctx, b.server.url(), "guest")
	if err != nil {
		return err
	}
	head := uint64(longest + 1)
	if err := b.warmUp(ctx, session, rooms[0], head); err != nil {
		return err
	}
	head++ // it has joined
	for _, missed := range []int{10, longest / 100, longest} {
		if err := b.comeBack(ctx, session, rooms[0], head, missed); err != nil {
			return fmt.Errorf("coming back for %d events: %w", missed, err)
		}
	}
	return nil
}

// warmUp has the room put back into Redis, which knows nothing of it yet.
func (b *bench) warmUp(ctx context.Context, session *client.Session, room domain.RoomID, head uint64) error {
	r, err := session.Room(ctx, room)
	if err == nil {
		b.expect("head of the stored room", int64(r.Head), int64(head))
		err = session.Join(ctx, room)
	}
	return err
}

func (b *bench) comeBack(ctx context.Context, session *client.Session, room domain.RoomID, head uint64, missed int) error {
	tries := max(1, min(100, 100_000/missed))
	first, all := hdrhistogram.New(1, 600_000_000, 3), hdrhistogram.New(1, 600_000_000, 3)
	var whole time.Duration
	var peak float64
	before, err := usageOf(b.server.pids...)
	if err != nil {
		return err
	}
	for range tries {
		c, err := swarm.New(b.server.addr)
		if err != nil {
			return err
		}
		conns, err := c.Dial(1, func(int) swarm.Login { return swarm.Login{Token: session.Token} })
		if err != nil {
			return err
		}
		after := head - uint64(missed)
		c.Reset()
		if err := conns[0].Subscribe(room, &after); err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, 5*time.Minute)
		err = c.Await(wait, "it has caught up", func(s *swarm.Stats) bool { return s.CaughtUp == 1 })
		cancel()
		s := c.Stats()
		took := time.Since(s.Started)
		whole += took
		now, err2 := usageOf(b.server.pids...)
		c.Close()
		if err != nil || err2 != nil {
			return fmt.Errorf("%w %w", err, err2)
		}
		peak = max(peak, now.rss)
		b.expect("events", s.Events, int64(missed))
		_ = all.RecordValue(took.Microseconds())
		_ = first.RecordValue(s.FirstEvent.Sub(s.Started).Microseconds())
	}
	depth := benchNumber(float64(missed)) + " missed: "
	b.figure(depth+"first event, p50", ms(first.ValueAtQuantile(50)), "ms")
	b.figure(depth+"first event, p99", ms(first.ValueAtQuantile(99)), "ms").goal("≤ 5")
	b.figure(depth+"all events, p50", ms(all.ValueAtQuantile(50)), "ms")
	b.figure(depth+"events/s", float64(missed*tries)/whole.Seconds(), "/s")
	b.figure(depth+"server's memory above that before", (peak-before.rss)/(1<<20), "MiB").goal("flat")
	return nil
}
