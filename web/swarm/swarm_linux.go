package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"confab/domain"
	"confab/web/uring"
)

// Stats is what a Swarm has seen since Reset. Times are in microseconds.
type Stats struct {
	Bytes      int64
	Events     int64 // all events of rooms
	Deliveries int64 // those of them that are messages of Body
	Acks       int64
	Subscribed int64 // answers to Subscribe
	CaughtUp   int64
	Pings      int64                   // of WebSocket, which are answered
	Errors     int64                   // error and reset frames
	Closed     int64                   // connections that the server ended
	Violations int64                   // of rule 1: an event that was not the next one
	First      string                  // the first error, end or violation, in words
	Delivery   *hdrhistogram.Histogram // from a message's sending to each receiver
	Ack        *hdrhistogram.Histogram // from a message's sending to its ack
	Started    time.Time               // of this count
	FirstEvent time.Time               // when the first event came
}

// Longest and finest time that is told apart, in microseconds and digits.
const (
	longest = int64(10 * time.Minute / time.Microsecond)
	digits  = 3
)

func newStats() Stats {
	return Stats{
		Delivery: hdrhistogram.New(1, longest, digits),
		Ack:      hdrhistogram.New(1, longest, digits),
		Started:  time.Now(),
	}
}

// note keeps the first thing that went wrong.
func (s *Stats) note(format string, args ...any) {
	if s.First == "" {
		s.First = fmt.Sprintf(format, args...)
	}
}

// atOnce is how many connections are read, or written to, at a time.
const atOnce = 32

// readSize is how much is read of each; a frame is shorter.
const readSize = 256 << 10

// Swarm is many connections to one address. Its methods and those of its connections are
// safe for concurrent use.
type Swarm struct {
	addr  netip.AddrPort
	epoll int
	stop  func() // once
	ended chan struct{}
	done  chan struct{}

	mu    sync.Mutex // held while what came is looked at
	conns map[int32]*Conn
	stats Stats
	onAck func(*Conn) []byte
	body  bodies
	// What acks were answered with, and by whom; sent with the next that is read.
	writers []*Conn
	writes  []uring.Transfer

	// Of the goroutine alone:
	sockets sockets
	buffers []byte // of readSize for each of the connections that are read
	readers []*Conn
	reads   []uring.Transfer
}

// New returns an empty swarm that will connect to addr. Close it.
func New(addr netip.AddrPort) (*Swarm, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("new swarm: %w", err)
	}
	s := &Swarm{
		addr: addr, epoll: fd, conns: map[int32]*Conn{}, stats: newStats(),
		ended: make(chan struct{}), done: make(chan struct{}),
		sockets: newSockets(), buffers: make([]byte, atOnce*readSize),
	}
	s.stop = sync.OnceFunc(func() { close(s.ended) })
	go s.run()
	return s, nil
}

// Close ends all connections without a word. It is idempotent.
func (s *Swarm) Close() {
	s.stop()
	<-s.done
}

// Stats returns a copy of what was counted since Reset.
func (s *Swarm) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Delivery = hdrhistogram.Import(s.stats.Delivery.Export())
	st.Ack = hdrhistogram.Import(s.stats.Ack.Export())
	return st
}

// Reset begins to count anew. Errors, ends and violations are kept.
func (s *Swarm) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.stats
	s.stats = newStats()
	s.stats.Errors, s.stats.Closed, s.stats.Violations, s.stats.First = old.Errors, old.Closed, old.Violations, old.First
}

// Await returns when reached says so of what was counted, or with ctx, or as soon as the
// server has refused something, ended a connection or broken the order.
func (s *Swarm) Await(ctx context.Context, what string, reached func(*Stats) bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		ok, err := reached(&s.stats), s.stats.Err()
		s.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		}
	}
}

// Err says what went wrong, if anything did.
func (s *Stats) Err() error {
	if s.Errors+s.Closed+s.Violations == 0 {
		return nil
	}
	return fmt.Errorf("%d violations, %d errors, %d connections ended by the server; first: %s", s.Violations, s.Errors, s.Closed, s.First)
}

// Conns returns the open connections, in the order of their opening.
func (s *Swarm) Conns() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Conn, 0, len(s.conns))
	for _, c := range s.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Conn) int { return a.number - b.number })
	return all
}

// Lasts returns the newest seq of each connection's room, by connection.
func (s *Swarm) Lasts() map[*Conn]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	lasts := make(map[*Conn]uint64, len(s.conns))
	for _, c := range s.conns {
		lasts[c] = c.last
	}
	return lasts
}

// run is the goroutine that reads everything.
func (s *Swarm) run() {
	defer close(s.done)
	defer s.release()
	const wait = 20 // milliseconds; how soon Close is noticed
	ready := make([]unix.EpollEvent, 512)
	for {
		select {
		case <-s.ended:
			return
		default:
		}
		n, err := unix.EpollWait(s.epoll, ready, wait)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if n <= 0 {
			continue
		}
		s.mu.Lock()
		for some := range slices.Chunk(ready[:n], atOnce) {
			s.read(some)
			s.write()
		}
		s.mu.Unlock()
	}
}

func (s *Swarm) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = unix.Close(c.fd)
	}
	clear(s.conns)
	_ = unix.Close(s.epoll)
	s.sockets.Close()
}

// read takes what connections have, at most what fits into a buffer for each.
func (s *Swarm) read(ready []unix.EpollEvent) {
	s.readers, s.reads = s.readers[:0], s.reads[:0]
	for _, e := range ready {
		if c := s.conns[e.Fd]; c != nil {
			buf := s.buffer(len(s.readers))
			kept := copy(buf, c.partial)
			s.readers, s.reads = append(s.readers, c), append(s.reads, uring.Transfer{FD: uintptr(c.fd), P: buf[kept:]})
		}
	}
	s.sockets.Receive(s.reads)
	now := time.Now().UnixNano()
	for i, c := range s.readers {
		r := &s.reads[i]
		if errors.Is(r.Err, io.EOF) {
			r.Err = errClosed
		}
		if r.Err != nil {
			s.lost(c, r.Err.Error())
			continue
		}
		s.stats.Bytes += int64(r.N)
		rest := s.take(c, s.buffer(i)[:len(c.partial)+r.N], now)
		c.partial = append(c.partial[:0], rest...)
		if len(c.partial) == 0 && cap(c.partial) > 4<<10 {
			c.partial = nil
		}
	}
}

func (s *Swarm) buffer(i int) []byte { return s.buffers[i*readSize:][:readSize] }

// write sends the messages that acks were answered with.
func (s *Swarm) write() {
	for some := range slices.Chunk(s.writes, atOnce) {
		s.sockets.Send(some)
	}
	for i, w := range s.writes {
		if w.Err == nil && w.N < len(w.P) {
			w.Err = errFull
		}
		if w.Err != nil {
			s.lost(s.writers[i], w.Err.Error())
		}
	}
	s.writers, s.writes = s.writers[:0], s.writes[:0]
}

// take looks at all frames that are there, and returns what is left.
func (s *Swarm) take(c *Conn, b []byte, now int64) (rest []byte) {
	for {
		op, payload, rest, ok := cut(b)
		if !ok {
			return rest
		}
		b = rest
		switch op {
		case opText:
			s.text(c, payload, now)
		case opPing:
			s.stats.Pings++
			_, _ = unix.Write(c.fd, appendFrame(nil, opPong, payload))
		case opClose:
			s.lost(c, fmt.Sprintf("close frame %q", payload))
			return nil
		}
	}
}

func (s *Swarm) text(c *Conn, payload []byte, now int64) {
	if c.raw {
		s.delivered(payload, now)
		s.acked(c)
		return
	}
	if seq, ok := seqOf(payload, c.opening); ok {
		s.event(c, seq, payload, now)
		return
	}
	switch typeOf(payload) {
	case "event":
		s.stats.Violations++
		s.stats.note("an event of a room that was not asked for: %s", payload)
	case "ack":
		s.stats.Acks++
		if ns, ok := idOf(payload); ok {
			_ = s.stats.Ack.RecordValue((now - ns) / 1000)
		}
		s.acked(c)
	case "subscribed":
		s.stats.Subscribed++
		if c.live {
			c.last = headOf(payload)
		}
	case "caught_up":
		s.stats.CaughtUp++
	case "error", "reset":
		s.stats.Errors++
		s.stats.note("%s", payload)
	}
}

func (s *Swarm) acked(c *Conn) {
	if s.onAck == nil {
		return
	}
	if payload := s.onAck(c); payload != nil {
		s.writers, s.writes = append(s.writers, c), append(s.writes, uring.Transfer{FD: uintptr(c.fd), P: appendFrame(nil, opText, payload)})
	}
}

func (s *Swarm) event(c *Conn, seq uint64, payload []byte, now int64) {
	if seq != c.last+1 {
		s.stats.Violations++
		s.stats.note("event %d after event %d of a room", seq, c.last)
	}
	c.last = seq
	if s.stats.Events++; s.stats.Events == 1 {
		s.stats.FirstEvent = time.Unix(0, now)
	}
	s.delivered(payload, now)
}

// delivered counts a message of Body.
func (s *Swarm) delivered(payload []byte, now int64) {
	if ns, ok := s.body.sentAt(payload); ok {
		s.stats.Deliveries++
		_ = s.stats.Delivery.RecordValue(max(1, (now-ns)/1000))
	}
}

func (s *Swarm) lost(c *Conn, why string) {
	s.stats.Closed++
	s.stats.note("%s", why)
	s.forget(c)
}

// forget is called with mu held.
func (s *Swarm) forget(c *Conn) {
	if s.conns[int32(c.fd)] == c {
		delete(s.conns, int32(c.fd))
		_ = unix.Close(c.fd)
	}
}

// Cut ends connections of ours at once, as a network would.
func (s *Swarm) Cut(conns ...*Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range conns {
		s.forget(c)
	}
}

// follow notes what a connection is about to ask for.
func (s *Swarm) follow(c *Conn, room domain.RoomID, after *uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.opening, c.live = eventOpening(room), after == nil
	if after != nil {
		c.last = *after
	}
}

// OnAck has f called for each ack (and for each frame of a connection without a login), in
// the swarm's own goroutine, and what it returns sent, unless that is nil: a Message. With it
// each connection can send as soon as its last message is acked (a closed loop). Nil ends it.
func (s *Swarm) OnAck(f func(*Conn) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onAck = f
}

// Err says what has gone wrong so far, if anything did.
func (s *Swarm) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats.Err()
}
