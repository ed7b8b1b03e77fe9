package embedredis

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// maxUnread is how much one end of a connection may leave unread before it is cut off.
const maxUnread = 64 << 20

var errUnread = errors.New("embedded redis: the other end does not read")

// conn is one end of a connection in memory whose writes do not block. miniredis
// writes under its global lock, so that a reader who stalls would stop it for
// everybody: on net.Pipe, which has no buffer, at once, on a socket after some
// hundred answers.
type conn struct {
	in, out *half
}

func connPair() (a, b net.Conn) {
	x, y := newHalf(), newHalf()
	return &conn{in: x, out: y}, &conn{in: y, out: x}
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends both directions. What was written before can still be read.
func (c *conn) Close() error {
	c.in.close()
	c.out.close()
	return nil
}

func (c *conn) SetDeadline(t time.Time) error     { return c.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(time.Time) error  { return nil } // writes do not block
func (c *conn) SetReadDeadline(t time.Time) error { c.in.setDeadline(t); return nil }
func (c *conn) LocalAddr() net.Addr               { return addr{} }
func (c *conn) RemoteAddr() net.Addr              { return addr{} }

type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "embedded" }

// half is one direction of a connection.
type half struct {
	mu       sync.Mutex
	changed  sync.Cond
	unread   []byte
	closed   bool
	deadline time.Time   // of reads; zero: none
	timer    *time.Timer // wakes the reader at the deadline
}

func newHalf() *half {
	h := &half{}
	h.changed.L = &h.mu
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.unread) == 0 {
		switch {
		case h.closed:
			return 0, io.EOF
		case !h.deadline.IsZero() && !time.Now().Before(h.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		}
		h.changed.Wait()
	}
	n := copy(p, h.unread)
	if h.unread = h.unread[n:]; len(h.unread) == 0 {
		h.unread = nil // a burst does not hold its memory for ever
	}
	return n, nil
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, io.ErrClosedPipe
	}
	if len(h.unread)+len(p) > maxUnread {
		h.shut()
		return 0, errUnread
	}
	h.unread = append(h.unread, p...)
	h.changed.Broadcast()
	return len(p), nil
}

func (h *half) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shut()
}

func (h *half) shut() {
	h.closed = true
	if h.timer != nil {
		h.timer.Stop()
	}
	h.changed.Broadcast()
}

func (h *half) setDeadline(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deadline = t
	switch {
	case h.closed || t.IsZero():
		if h.timer != nil {
			h.timer.Stop()
		}
	case h.timer == nil:
		h.timer = time.AfterFunc(time.Until(t), h.wake)
	default:
		h.timer.Reset(time.Until(t))
	}
	h.changed.Broadcast()
}

func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}
