package web

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"confab/domain"
	"confab/web/uring"
)

// What one connection may cost.
const (
	backlogLimit = 1 << 20 // bytes that wait for a slow reader; then it is closed with 4008
	backlogSmall = 64 << 10
	sendBuffer   = 128 << 10 // of the kernel, before the backlog; Linux takes it twice, for its own needs, too
	writeChunk   = 64 << 10
	writeTime    = 10 * time.Second // for one chunk: who reads less than 6.4 KB/s is cut off
	lingerTime   = 10 * time.Second // for what still waits when the connection ends
)

var (
	errSlow   = errors.New("the reader is too slow: its backlog is full")
	errClosed = errors.New("the connection is closed")
)

// backlog is the sending side of a connection. To send never waits for the socket: what that
// takes at once is written, by an outbox or, where there is none, by who sends; the rest is
// kept, up to a limit, for a goroutine that lives only as long as something waits, the drainer.
//
// It writes whole WebSocket frames, several in one call if they are there, straight
// to the socket, so that all receivers of a room share the same bytes.
type backlog struct {
	conn     net.Conn
	cut      func() // ends the connection; the reader notices
	now      nowWriter
	outboxes outboxes // one of which writes; empty: there is none

	mu       sync.Mutex
	waiting  pieces  // accepted, and not yet taken by an outbox or, the first piece, by the drainer
	buffer   *[]byte // the memory of the first piece, of corkBuffers; nil: it is not of those
	pending  int     // bytes accepted and not yet written, those that were taken included
	queued   bool    // an outbox has it
	draining bool
	closed   error         // why nothing is accepted any more
	closeBy  time.Time     // set with closed: when what waits is given up
	small    chan struct{} // closed when pending becomes small; nil: nobody waits for it
	lastData time.Time     // when a text frame was last accepted

	corked time.Time // since when frames are held; zero: they are not
	held   *[]byte   // of corkBuffers; nil: nothing is

	taken   sync.WaitGroup // by an outbox
	drainer sync.WaitGroup
}

func newBacklog(conn net.Conn) *backlog {
	b := new(backlog)
	b.open(conn, func() { conn.Close() })
	return b
}

func (b *backlog) open(conn net.Conn, cut func()) {
	b.conn, b.cut, b.lastData = conn, cut, time.Now()
	b.now.open(conn)
}

// events sends whole text frames that nobody ever changes. It returns errSlow once the
// limit is passed. What comes while nothing waits is accepted at any length.
func (b *backlog) events(frames []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastData = time.Now()
	return b.accept(frames, true)
}

// replay is events for who was let go by flushed. All the rooms that a connection resumes are
// let go at once, and together they would pass the limit, however fast its client reads:
// those that come when much waits again get ErrNotFlushed.
func (b *backlog) replay(frames []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed == nil && b.pending > backlogSmall {
		return domain.ErrNotFlushed
	}
	b.lastData = time.Now()
	return b.accept(frames, true)
}

// data sends whole text frames, like events, and keeps none of their memory.
func (b *backlog) data(frames []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastData = time.Now()
	return b.accept(frames, false)
}

// control sends a whole frame that does not count as data: a control frame or a pong.
func (b *backlog) control(frame []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.accept(frame, false)
}

func (b *backlog) accept(frames []byte, constant bool) error {
	if b.closed != nil {
		return b.closed
	}
	if b.pending > 0 && b.pending+len(frames) > backlogLimit {
		b.closed, b.closeBy = errSlow, time.Now().Add(lingerTime)
		return errSlow
	}
	if b.hold(frames) {
		return nil
	}
	return b.send(frames, constant)
}

// Whoever is about to be answered gets what comes meanwhile, most often the event of its
// own message, together with the answer: a write costs more than all else about a frame.
const (
	corkTime  = 200 * time.Millisecond // then nothing more is held
	corkBytes = 4 << 10                // more of them are worth a write
)

var corkBuffers = sync.Pool{New: func() any { b := make([]byte, 0, corkBytes); return &b }}

// cork has frames held until uncork.
func (b *backlog) cork() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.corked = time.Now()
}

// uncork sends what was held.
func (b *backlog) uncork() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.corked = time.Time{}
	if b.held == nil {
		return nil
	}
	return b.send(nil, false)
}

// hold keeps frames back if they are to be. It is called with mu held.
func (b *backlog) hold(frames []byte) bool {
	if b.corked.IsZero() || time.Since(b.corked) > corkTime {
		return false
	}
	if b.held == nil {
		b.held = corkBuffers.Get().(*[]byte)
	}
	if len(*b.held)+len(frames) > corkBytes {
		return false
	}
	*b.held = append(*b.held, frames...)
	return true
}

// send sends what was held, and frames behind it. It is called with mu held.
func (b *backlog) send(frames []byte, constant bool) error {
	if b.held == nil {
		return b.write(frames, constant, nil)
	}
	held := b.held
	b.held = nil
	return b.write(append(*held, frames...), true, held)
}

func putBack(buffer *[]byte) {
	if buffer != nil {
		*buffer = (*buffer)[:0]
		corkBuffers.Put(buffer)
	}
}

// finish sends a last frame, whatever the limit, and accepts nothing afterwards. What
// waits is still written, for lingerTime at most.
func (b *backlog) finish(last []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed == nil || errors.Is(b.closed, errSlow) {
		b.closed, b.closeBy = errClosed, time.Now().Add(lingerTime)
		_ = b.send(last, false) // it fails when the client is gone: there is nobody to tell
	}
}

// offer returns when the socket was offered all there is, once nothing more is accepted.
func (b *backlog) offer() { b.taken.Wait() }

// wait returns when nothing waits any more, or when it was given up.
func (b *backlog) wait() {
	b.taken.Wait()
	b.drainer.Wait()
}

// write has frames written, which are constant or copied. buffer, if not nil, is their
// memory, and goes back when it is no longer needed. It is called with mu held.
func (b *backlog) write(frames []byte, constant bool, buffer *[]byte) error {
	if len(b.outboxes) > 0 && !b.draining {
		b.queue(frames, constant, buffer)
		return nil
	}
	defer putBack(buffer)
	if !b.draining && b.now.raw != nil {
		n, err := b.now.write(frames)
		if err != nil {
			return b.fail(err)
		}
		frames = frames[n:]
	}
	if len(frames) == 0 {
		return nil
	}
	b.waiting[0] = append(b.waiting[0], frames...)
	b.pending += len(frames)
	if !b.draining {
		b.startDraining()
	}
	return nil
}

// queue has an outbox write frames, after what it was to write already.
func (b *backlog) queue(frames []byte, constant bool, buffer *[]byte) {
	if len(frames) == 0 {
		return
	}
	b.pending += len(frames)
	if b.waiting.none() {
		b.waiting.add(frames, constant)
		b.buffer = buffer
	} else {
		b.waiting.add(frames, constant && buffer == nil)
		putBack(buffer)
	}
	if !b.queued {
		b.queued = true
		b.taken.Add(1)
		b.outboxes.add(b)
	}
}

// take gives an outbox what waits, and the buffer that it is in, if it is in one.
func (b *backlog) take() (waits pieces, buffer *[]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	waits, buffer = b.waiting, b.buffer
	b.waiting, b.buffer = pieces{}, nil
	return waits, buffer
}

// wrote is told by an outbox what became of that, and returns whether there is more.
func (b *backlog) wrote(s *uring.Transfer, buffer *[]byte) (more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending -= s.N
	if s.Err != nil {
		_ = b.fail(s.Err)
	} else if unsent := s.Unsent(); unsent != nil { // the socket is full
		for _, p := range b.waiting {
			unsent = append(unsent, p...)
		}
		putBack(b.buffer)
		b.waiting, b.buffer = pieces{unsent}, nil
		b.startDraining()
	}
	putBack(buffer)
	if b.pending <= backlogSmall {
		b.signal()
	}
	more = !b.waiting.none() && !b.draining
	if !more {
		b.queued = false
		b.taken.Done()
	}
	return more
}

func (b *backlog) startDraining() {
	b.draining = true
	b.drainer.Go(b.drain)
}

// fail ends the connection after a failed write. It is called with mu held.
func (b *backlog) fail(err error) error {
	b.closed = errors.Join(errClosed, err)
	b.waiting, b.buffer, b.pending, b.held = pieces{}, nil, 0, nil
	b.signal()
	b.cut()
	return b.closed
}

// drain writes what waits until nothing does.
func (b *backlog) drain() {
	var out []byte
	for {
		b.mu.Lock()
		out, b.waiting[0] = b.waiting[0], out[:0]
		if len(out) == 0 {
			b.draining, b.waiting[0] = false, nil
			_ = b.conn.SetWriteDeadline(time.Time{}) // else its timer would run on
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		for rest := out; len(rest) > 0; {
			chunk := rest[:min(len(rest), writeChunk)]
			_ = b.conn.SetWriteDeadline(b.deadline())
			n, err := b.conn.Write(chunk)
			if !b.written(n, err) {
				return
			}
			rest = rest[n:]
		}
	}
}

func (b *backlog) deadline() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := time.Now().Add(writeTime)
	if b.closed != nil && b.closeBy.Before(d) {
		return b.closeBy
	}
	return d
}

// written counts what the drainer has written, and reports whether it goes on.
func (b *backlog) written(n int, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.draining = false
		_ = b.fail(err)
		return false
	}
	b.pending -= n
	if b.pending <= backlogSmall {
		b.signal()
	}
	return true
}

// signal is called with mu held.
func (b *backlog) signal() {
	if b.small != nil {
		close(b.small)
		b.small = nil
	}
}

// flushed blocks until little waits. It fails once the connection accepts nothing more.
func (b *backlog) flushed(ctx context.Context) error {
	for {
		b.mu.Lock()
		if closed := b.closed; closed != nil || b.pending <= backlogSmall {
			b.mu.Unlock()
			return closed
		}
		if b.small == nil {
			b.small = make(chan struct{})
		}
		small := b.small
		b.mu.Unlock()
		select {
		case <-small:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// idle returns whether nothing waits, and when data was last accepted.
func (b *backlog) idle() (bool, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pending == 0 && b.held == nil, b.lastData
}

// pieces are bytes to be written one behind the other: as many as it takes for a page of
// history, which all who come back share, to go as it is with an answer before it and one
// behind it.
type pieces [3][]byte

const longPiece = 1 << 10 // copying one costs more than another piece

func (p *pieces) none() bool { return len(p[0]) == 0 }

// add puts frames, which are constant or copied, behind the rest.
func (p *pieces) add(frames []byte, constant bool) {
	last := len(p) - 1
	for last > 0 && len(p[last]) == 0 {
		last--
	}
	if !p.none() {
		if last == len(p)-1 || max(len(p[last]), len(frames)) < longPiece {
			p[last] = append(p[last], frames...)
			return
		}
		last++
	}
	if constant {
		p[last] = slices.Clip(frames) // so that append copies it
	} else {
		p[last] = slices.Clone(frames)
	}
}

// nowWriter writes to a socket as much as it takes without blocking.
type nowWriter struct {
	raw syscall.RawConn  // nil: one cannot write without blocking
	try func(fd uintptr) // made once: a closure per write would be an allocation per receiver

	p   []byte
	n   int
	err error
}

func (w *nowWriter) open(conn net.Conn) {
	if sc, ok := conn.(syscall.Conn); ok {
		w.raw, _ = sc.SyscallConn()
		w.try = w.tryWrite
	}
}

func (w *nowWriter) tryWrite(fd uintptr) { w.n, w.err = writeNow(fd, w.p) }

func (w *nowWriter) write(p []byte) (int, error) {
	w.p, w.n, w.err = p, 0, nil
	err := w.raw.Control(w.try) // not Write, which is for who waits for the socket
	w.p = nil
	return w.n, cmp.Or(err, w.err)
}
