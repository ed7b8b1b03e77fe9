package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"confab/domain"
	"confab/web/client"
	"confab/web/swarm"
)

const (
	benchAtOnce = 32  // calls of set-up
	benchBody   = 128 // bytes of a message's body
	settleTime  = 30 * time.Second
)

// guests signs n people in.
func (b *bench) guests(ctx context.Context, n int) ([]*client.Session, error) {
	sessions := make([]*client.Session, n)
	return sessions, inParallel(n, func(i int) (err error) {
		sessions[i], err = client.Guest(ctx, b.server.url(), fmt.Sprint("guest ", i))
		if err != nil {
			err = fmt.Errorf("sign in: %w; a server that is measured needs CONFAB_GUESTS=on and CONFAB_LIMITS=off", err)
		}
		return err
	})
}

// rooms lets each session make a public room.
func (b *bench) rooms(ctx context.Context, owners []*client.Session) ([]domain.RoomID, error) {
	rooms := make([]domain.RoomID, len(owners))
	return rooms, inParallel(len(owners), func(i int) error {
		room, err := owners[i].CreateRoom(ctx, fmt.Sprint("bench ", i), domain.Public)
		rooms[i] = room.ID
		return err
	})
}

func inParallel(n int, f func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(benchAtOnce)
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	return g.Wait()
}

// benchRooms is a swarm whose connections are spread evenly over rooms.
type benchRooms struct {
	*swarm.Swarm
	b     *bench
	rooms []domain.RoomID
	own   []*client.Session // of the rooms, by room
	conns []*swarm.Conn     // conns[i] follows rooms[i%len(rooms)]
	sent  []int             // by room
}

// gather makes rooms and n connections, each of which follows one. With senders each
// connection may send; otherwise only the first of each room, its owner's.
func (b *bench) gather(ctx context.Context, rooms, n, senders int) (*benchRooms, error) {
	sessions, err := b.guests(ctx, max(rooms, min(n, 1000), senders))
	if err != nil {
		return nil, err
	}
	return b.gatherAs(ctx, rooms, n, senders, sessions)
}

func (b *bench) gatherAs(ctx context.Context, rooms, n, senders int, sessions []*client.Session) (_ *benchRooms, err error) {
	c := &benchRooms{b: b, own: sessions[:rooms], sent: make([]int, rooms)}
	if c.rooms, err = b.rooms(ctx, c.own); err != nil {
		return nil, err
	}
	if err := inParallel(senders, func(i int) error { return sessions[i].Join(ctx, c.rooms[i%rooms]) }); err != nil {
		return nil, err
	}
	if c.Swarm, err = swarm.New(b.server.addr); err != nil {
		return nil, err
	}
	login := func(i int) swarm.Login { return swarm.Login{Token: sessions[i%len(sessions)].Token} }
	if c.conns, err = c.Dial(n, login); err != nil {
		c.Close()
		return nil, err
	}
	for i, conn := range c.conns {
		if err := conn.Subscribe(c.rooms[i%rooms], nil); err != nil {
			c.Close()
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	err = c.Await(ctx, "all have joined", func(s *swarm.Stats) bool { return s.Subscribed == int64(n) })
	return c, err
}

// send offers rate messages a second for the time of the bench, from senders connections
// in turn, and waits until all are acked and delivered.
func (c *benchRooms) send(ctx context.Context, rate float64, senders int) (offered int, err error) {
	c.Reset()
	offered, err = swarm.Pace(ctx, rate, c.b.cmd.Time, func(i int) error {
		from := i % senders
		room := from % len(c.rooms)
		c.sent[room]++
		return c.conns[from].Send(c.rooms[room], benchBody)
	})
	if err != nil {
		return offered, err
	}
	// What is offered may be ten times what a machine can carry, and all of it has to arrive.
	ctx, cancel := context.WithTimeout(ctx, settleTime+10*c.b.cmd.Time)
	defer cancel()
	each := len(c.conns) / len(c.rooms)
	return offered, c.Await(ctx, "all messages are acked and delivered", func(s *swarm.Stats) bool {
		return s.Acks == int64(offered) && s.Deliveries == int64(offered*each)
	})
}

// verify compares, for some rooms, what the connections have seen, the log and the history.
func (c *benchRooms) verify(ctx context.Context) error {
	if err := c.Err(); err != nil {
		return err
	}
	lasts := c.Lasts()
	for i := 0; i < len(c.rooms); i += max(1, len(c.rooms)/5) {
		room, err := c.own[i].Room(ctx, c.rooms[i])
		if err != nil {
			return err
		}
		for j := i; j < len(c.conns); j += len(c.rooms) {
			c.b.expect(fmt.Sprintf("newest event of connection %d", j), int64(lasts[c.conns[j]]), int64(room.Head))
		}
		if err := c.compare(ctx, i, room.Head); err != nil {
			return err
		}
	}
	return nil
}

// verifyAndFloor verifies, ends the connections, and then measures the floor alone.
func (c *benchRooms) verifyAndFloor(ctx context.Context, f floorCmd) (floorFigures, error) {
	if err := c.verify(ctx); err != nil {
		return floorFigures{}, err
	}
	c.Close()
	return c.b.floor(ctx, f)
}

// compare reads the end of a room's log, and the messages that the history has of it.
func (c *benchRooms) compare(ctx context.Context, i int, head uint64) error {
	const most = 2000
	var logged []uint64
	first := head - min(head, most)
	for next := first; next < head; {
		page, err := c.own[i].Events(ctx, c.rooms[i], next, 200)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if next++; e.Seq != next {
				c.b.fail("the log has event %d where %d must be", e.Seq, next)
				return nil
			}
			if e.Kind == domain.MessagePosted {
				logged = append(logged, e.Seq)
			}
		}
	}
	for n, next := 0, first; n < len(logged); {
		page, err := c.own[i].Messages(ctx, c.rooms[i], client.Page{After: &next, Limit: 200})
		if err != nil {
			return err
		}
		for _, m := range page.Messages {
			if n >= len(logged) || m.Seq != logged[n] {
				c.b.fail("the history has message %d, which is not the log's", m.Seq)
				return nil
			}
			n, next = n+1, m.Seq
		}
		if len(page.Messages) == 0 {
			c.b.fail("the history lacks the messages after %d", next)
			return nil
		}
	}
	if head <= most {
		c.b.expect("messages in the log", int64(len(logged)), int64(c.sent[i]))
	}
	return nil
}

func ms(us int64) float64 { return float64(us) / 1000 }

// benchFanout raises the rate until the room cannot be served any more.
func benchFanout(ctx context.Context, b *bench) error {
	const bound = 60_000
	receivers := b.scaled(1000)
	senders := min(50, receivers)
	c, err := b.gather(ctx, 1, receivers, senders)
	if err != nil {
		return err
	}
	defer c.Close()
	best := struct{ rate, p99 float64 }{}
	for rate, failed := 2000.0, 0; failed < 2; rate += 500 { // one may be chance
		used, err := b.during(ctx, func() error { _, err := c.send(ctx, rate, senders); return err })
		if err != nil {
			return err
		}
		s := c.Stats()
		carried, p99 := float64(s.Deliveries)/time.Since(s.Started).Seconds(), s.Delivery.ValueAtQuantile(99)
		b.figure(fmt.Sprintf("at %.0f messages/s: p50 of delivery", rate), ms(s.Delivery.ValueAtQuantile(50)), "ms")
		b.figure(fmt.Sprintf("at %.0f messages/s: p99 of delivery", rate), ms(p99), "ms")
		b.figure(fmt.Sprintf("at %.0f messages/s: deliveries/s", rate), carried, "/s")
		b.costs(fmt.Sprintf("at %.0f messages/s: ", rate), "delivery", used, s.Deliveries)
		if p99 > bound {
			failed++
			continue
		}
		best.rate, best.p99 = carried, ms(p99)
	}
	s := c.Stats()
	floor, err := c.verifyAndFloor(ctx, floorCmd{Connections: receivers, Rate: 1e6, Bytes: int(s.Bytes / max(1, s.Events))})
	if err != nil {
		return err
	}
	b.figure("deliveries/s sustained", best.rate, "/s").over(floor.rate).goal("≥ 4 000 000")
	b.figure("p99 of delivery there", best.p99, "ms").goal("< 60")
	return nil
}

// benchCost compares what a delivery costs with one plain write.
func benchCost(ctx context.Context, b *bench) error {
	const rate = 50
	receivers := b.scaled(1000)
	senders := min(10, receivers)
	c, err := b.gather(ctx, 1, receivers, senders)
	if err != nil {
		return err
	}
	defer c.Close()
	used, err := b.during(ctx, func() error { _, err := c.send(ctx, rate, senders); return err })
	if err != nil {
		return err
	}
	s := c.Stats()
	floor, err := c.verifyAndFloor(ctx, floorCmd{Connections: receivers, Rate: rate, Bytes: int(s.Bytes / max(1, s.Events))})
	if err != nil {
		return err
	}
	b.costs("", "delivery", used, s.Deliveries).over(floor.cpu).goal("≤ 1.3 × floor")
	b.figure("p50 of delivery", ms(s.Delivery.ValueAtQuantile(50)), "ms").over(floor.p50)
	b.figure("p99 of delivery", ms(s.Delivery.ValueAtQuantile(99)), "ms").over(floor.p99)
	return nil
}

// benchAppend has everybody send, each into a room of their own.
func benchAppend(ctx context.Context, b *bench) error {
	const rate = 30_000
	n := b.scaled(1000)
	c, err := b.gather(ctx, n, n, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	measure := func(load string, send func() error) (*benchFigure, *benchFigure, error) {
		used, err := b.during(ctx, send)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", load, err)
		}
		s := c.Stats()
		b.costs(load+": ", "message", used, s.Acks)
		b.figure(load+": p50 of the ack", ms(s.Ack.ValueAtQuantile(50)), "ms")
		return b.figure(load+": p99 of the ack", ms(s.Ack.ValueAtQuantile(99)), "ms"),
			b.figure(load+": carried", float64(s.Acks)/time.Since(s.Started).Seconds(), "/s"), nil
	}
	_, carried, err := measure("all send when acked", func() error { return c.sendWhenAcked(ctx) })
	if err != nil {
		return err
	}
	carried.goal("≥ 45 000")
	p99, _, err := measure("30,000/s offered", func() error { _, err := c.send(ctx, rate, n); return err })
	if err != nil {
		return err
	}
	p99.goal("< 10")
	floor, err := c.verifyAndFloor(ctx, floorCmd{Connections: n, Echo: true, Bytes: 500})
	if err != nil {
		return err
	}
	carried.over(floor.rate)
	return nil
}

// sendWhenAcked lets each connection send again as soon as its last message is acked, for
// the time of the bench.
func (c *benchRooms) sendWhenAcked(ctx context.Context) error {
	c.Reset()
	var sent atomic.Int64
	roomOf := func(conn *swarm.Conn) domain.RoomID {
		room := conn.Number() % len(c.rooms)
		c.sent[room]++
		sent.Add(1)
		return c.rooms[room]
	}
	for _, conn := range c.conns {
		if err := conn.Send(roomOf(conn), benchBody); err != nil {
			return err
		}
	}
	c.OnAck(func(conn *swarm.Conn) []byte { return swarm.Message(roomOf(conn), benchBody) })
	err := sleepFor(ctx, c.b.cmd.Time)
	c.OnAck(nil)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return c.Await(wait, "all messages are acked and delivered", func(s *swarm.Stats) bool {
		return s.Acks == sent.Load() && s.Deliveries == sent.Load()
	})
}

// benchLatency sends little to many rooms.
func benchLatency(ctx context.Context, b *bench) error {
	const rate = 200
	rooms := b.scaled(1000)
	c, err := b.gather(ctx, rooms, 10*rooms, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = b.during(ctx, func() error { _, err := c.send(ctx, rate, rooms); return err })
	if err != nil {
		return err
	}
	s := c.Stats()
	floor, err := c.verifyAndFloor(ctx, floorCmd{Connections: 10, Rate: rate, Bytes: int(s.Bytes / max(1, s.Events))})
	if err != nil {
		return err
	}
	b.figure("p50 of delivery", ms(s.Delivery.ValueAtQuantile(50)), "ms").over(floor.p50).goal("≤ 0.4")
	b.figure("p99 of delivery", ms(s.Delivery.ValueAtQuantile(99)), "ms").over(floor.p99).goal("≤ 1.0")
	b.figure("p99.9 of delivery", ms(s.Delivery.ValueAtQuantile(99.9)), "ms")
	return nil
}

// benchIdle weighs connections that do nothing.
func benchIdle(ctx context.Context, b *bench) error {
	n := b.scaled(10_000)
	sessions, err := b.guests(ctx, n)
	if err != nil {
		return err
	}
	// What signing in took for a while is given back first: it would make connections cheap.
	if err := sleepFor(ctx, b.cmd.Time); err != nil {
		return err
	}
	before, err := usageOf(b.server.pids...)
	if err != nil {
		return err
	}
	c, err := b.gatherAs(ctx, max(1, n/100), n, 0, sessions)
	if err != nil {
		return err
	}
	defer c.Close()
	// What a connection takes that has only just come is not what it takes all day.
	pinged, cancel := context.WithTimeout(ctx, time.Minute)
	err = c.Await(pinged, "each was pinged", func(s *swarm.Stats) bool { return s.Pings >= int64(n) })
	cancel()
	if err != nil {
		return err
	}
	if err := sleepFor(ctx, b.cmd.Time); err != nil {
		return err
	}
	after, err := usageOf(b.server.pids...)
	if err != nil {
		return err
	}
	perConn := &benchFigure{}
	if len(b.server.pids) > 0 {
		perConn = b.figure("memory for a connection", (after.rss-before.rss)/float64(n)/1024, "KiB")
		perConn.goal("≤ 7")
		b.figure("the server before", before.rss/(1<<20), "MiB")
	}
	if b.server.debug != "" {
		for _, part := range []string{"heap", "stack"} {
			used, err := b.server.metric(ctx, "go_memstats_"+part+"_inuse_bytes")
			if err != nil {
				return err
			}
			b.figure("of all, "+part, used/float64(n)/1024, "KiB")
		}
	}
	c.Reset()
	for i := range c.rooms { // and all of them are alive
		if err := c.conns[i].Send(c.rooms[i], benchBody); err != nil {
			return err
		}
		c.sent[i]++
	}
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err := c.Await(wait, "all have got a message", func(s *swarm.Stats) bool { return s.Deliveries == int64(n) }); err != nil {
		return err
	}
	floor, err := c.verifyAndFloor(ctx, floorCmd{Connections: n, Echo: true})
	perConn.over(floor.memory)
	return err
}

func sleepFor(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
