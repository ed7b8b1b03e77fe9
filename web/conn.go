package web

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"confab/domain"
	"confab/web/frames"
)

// What a client may send and hold.
const (
	maxFrame         = 64 << 10 // bytes of a client frame; a body, however escaped, fits
	maxDiscard       = 1 << 20  // bytes of a longer one that are read over before it is a violation
	maxSubscriptions = 256      // rooms that one connection follows at a time
	commandTime      = 10 * time.Second
	closeWait        = 5 * time.Second // for the client's end of the closing handshake

	// A connection's frames, pings included, are read at this pace. Who sends faster is
	// slowed down by TCP, and takes no processor from others by what is refused anyway.
	framesPerSecond = 100
	frameBurst      = 500 // a client that comes back subscribes to all of its rooms at once
)

// conn is one WebSocket connection. Its frames are handled one after the other, so that
// what one client sends keeps its order and the client's own speed is the only one that
// it can wear out. Everything is sent through the backlog, by this connection's
// goroutine, the hub's and the timer's.
type conn struct {
	s   *Server
	net net.Conn
	in  *inbox // what has come; nil while nothing has
	out backlog

	request   string // the id of the one that asked for it
	user      domain.User
	session   string // its id
	tokenHash string

	pace *rate.Limiter // nil: none

	unanswered atomic.Int32 // pings since the client was last heard
	pulse      pulse

	id      uint64       // among the open ones
	state   atomic.Int32 // who serves it
	watched bool         // the poller tells of it, so that it can be parked
	more    bool         // serve has to look again before it parks
	parted  atomic.Bool  // the poller told of what a read that is not full may stop short of

	mu      sync.Mutex
	subs    []*subscription
	closing []byte // the close frame, once the connection is to end
}

func newConn(s *Server, net net.Conn, session domain.Session, request string) *conn {
	c := &conn{
		s: s, net: net, request: request,
		user: session.User, session: session.ID, tokenHash: session.TokenHash,
	}
	if kernel, ok := net.(interface{ SetWriteBuffer(int) error }); ok {
		_ = kernel.SetWriteBuffer(sendBuffer) // else a slow reader has it grow to 4 MiB
	}
	c.out.open(net, c.cut)
	if s.cfg.Limits {
		c.pace = rate.NewLimiter(framesPerSecond, frameBurst)
	}
	return c
}

// welcome sends the first frame. It does not block.
func (c *conn) welcome() {
	c.send(frames.Welcome{
		User: c.user, Node: c.s.cfg.Node,
		PingMS: c.s.cfg.PingInterval.Milliseconds(), MaxBody: domain.MaxBodyBytes,
	})
}

// begin starts what finish will stop.
func (c *conn) begin() {
	c.s.metrics.connections.Inc()
	c.startPulse()
}

// finish lets go of everything, when the connection has ended with err. It returns when
// the client has what it still is to get, or has been given up.
func (c *conn) finish(err error) {
	c.letGo()
	c.stopPulse()
	for _, sub := range c.subscriptions() {
		c.drop(sub)
	}
	c.close(err)
	c.s.metrics.connections.Dec()
}

// serve handles what has come. A connection that cannot be parked waits for it here. A
// panic ends this connection only.
func (c *conn) serve() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.s.crashed(v, debug.Stack())
			c.end(closeCodeOf(c.shown(err).Code), "internal error")
		}
	}()
	if c.ended() {
		return errClosed
	}
	c.more = false
	if err := c.take(); err != nil || c.in == nil {
		return err
	}
	c.in.to = c
	for !c.in.empty() {
		kind, msg, err := c.read()
		if kind < opClose { // control has slowed down already
			c.slowDown()
		}
		switch {
		case errors.Is(err, errTooLarge): // the client was told
		case err != nil:
			if violation, ok := errors.AsType[protocolError](err); ok {
				c.end(websocket.CloseProtocolError, string(violation))
			}
			return err
		case kind >= opClose:
		case kind != opText:
			c.s.metrics.frame("binary")
			c.refuse(frames.FindID(msg), domain.Errorf(domain.CodeInvalid, "this is a binary frame; send JSON in text frames"))
		default:
			c.out.cork()
			c.handle(msg)
			c.sent(c.out.uncork())
		}
		if c.ended() {
			return errClosed
		}
	}
	c.more = c.in.full || c.parted.Load()
	c.letGo()
	return nil
}

// control takes a control frame.
func (c *conn) control(op byte, payload []byte) error {
	c.unanswered.Store(0)
	switch op {
	case opClose:
		return closeCode(payload)
	case opPing:
		c.slowDown()
		c.sent(c.out.control(frames.ControlPong(string(payload))))
	case opPong:
		c.slowDown()
	}
	return nil
}

// slowDown waits until the next frame may be dealt with: at most for one frame's share of
// a second.
func (c *conn) slowDown() {
	if c.pace == nil {
		return
	}
	if wait := c.pace.Reserve().Delay(); wait > 0 {
		<-time.After(wait)
	}
}

var errTooLarge = errors.New("frame is too large")

// read returns the next message, whose bytes are good until the next one is read, or the
// kind of a control frame, which is dealt with. A message that is too large is answered with
// an error, and then errTooLarge returned. Any sign of life counts like a pong: the client
// may be busy sending one long frame.
func (c *conn) read() (kind byte, msg []byte, err error) {
	box := c.in
	if kind, err = box.next(); err != nil || kind >= opClose {
		return kind, nil, err
	}
	c.unanswered.Store(0)
	msg, ok, err := box.whole()
	if ok || err != nil {
		return kind, msg, err
	}
	msg, err = io.ReadAll(io.LimitReader(box, maxFrame+1))
	if err != nil {
		return 0, nil, err
	}
	if len(msg) <= maxFrame {
		return kind, msg, nil
	}
	var id frames.IDFinder
	_, _ = id.Write(msg)
	n, err := io.CopyN(&id, box, maxDiscard)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	c.s.metrics.frame("too_large")
	c.refuse(id.ID(), domain.Errorf(domain.CodeTooLarge, "a frame has at most %d bytes", maxFrame))
	if n == maxDiscard {
		c.end(closeProtocol, "a frame beyond all limits")
	}
	return 0, nil, errTooLarge
}

// handle does what a frame asks for.
func (c *conn) handle(msg []byte) {
	id, f, err := frames.Decode(msg)
	if err != nil {
		c.s.metrics.frame("invalid")
		c.refuse(id, err)
		return
	}
	c.s.metrics.frame(f.Type())
	switch f := f.(type) {
	case frames.Subscribe:
		err = c.subscribe(f)
	case frames.Unsubscribe:
		err = c.unsubscribe(f)
	case frames.Send:
		err = c.post(f)
	case frames.Ping:
		// No data: who pings more often than heartbeats come would never hear one.
		c.sent(c.out.control(frames.Text(frames.Pong(f))))
	}
	if err != nil {
		c.refuse(id, err)
	}
}

// post appends a message and acks it. A command that has begun is not called off when
// the client leaves: it will ask again under the same key.
func (c *conn) post(f frames.Send) error {
	if !domain.ValidID(string(f.Room)) {
		return domain.ErrRoomNotFound()
	}
	receipt, err := c.s.cfg.Commands.PostMessage(c.s.inTime.context(), c.user, f.Room, f.Key, f.Body)
	if err != nil {
		return err
	}
	c.send(frames.Ack{ID: f.ID, Room: f.Room, Seq: receipt.Event.Seq, At: receipt.Event.At, Duplicate: receipt.Duplicate})
	return nil
}

// refuse tells the client why something was not done.
func (c *conn) refuse(id string, err error) {
	c.sendError(frames.Error{ID: id}, err)
}

func (c *conn) sendError(f frames.Error, err error) {
	e := c.shown(err)
	f.Code, f.Message = e.Code, e.Message
	if e.Code == domain.CodeRateLimited || e.Code == domain.CodeUnavailable {
		f.RetryAfterMS = spread(e.RetryAfter).Milliseconds()
	}
	c.send(f)
}

// shown is Server.shown for this connection.
func (c *conn) shown(err error) *domain.Error {
	return c.s.shown(context.WithValue(context.Background(), requestIDKey{}, c.request), err)
}

func (c *conn) send(f frames.Frame) {
	b := sendBuffers.Get().(*[]byte)
	*b = frames.AppendText((*b)[:0], f)
	c.sent(c.out.data(*b)) // which keeps none of it
	if cap(*b) <= corkBytes {
		sendBuffers.Put(b)
	}
}

var sendBuffers = sync.Pool{New: func() any { return new([]byte) }}

// sent looks at the outcome of sending. Only being slow needs doing anything: the
// reader hears of a broken connection by itself.
func (c *conn) sent(err error) {
	if errors.Is(err, errSlow) {
		c.end(closeSlow, "too slow; come back and resume")
	}
}

// goodbye ends the connection because the node stops.
func (c *conn) goodbye(retryAfter time.Duration) {
	c.send(frames.Goodbye{Code: "restart", RetryAfterMS: retryAfter.Milliseconds()})
	c.end(closeRestart, "the node restarts")
}

// end asks the connection to end with a close code. It does not block. The frame in
// hand is still handled and answered, no other is read. The first reason stands.
func (c *conn) end(code int, reason string) {
	c.mu.Lock()
	first := c.closing == nil
	if first {
		c.closing = frames.Close(code, reason)
	}
	c.mu.Unlock()
	if first {
		c.s.metrics.closed(code)
		_ = c.net.SetReadDeadline(time.Unix(1, 0)) // wakes whoever reads
		c.s.sockets.wake(c)
	}
}

func (c *conn) ended() bool { return c.closeFrame() != nil }

func (c *conn) closeFrame() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// cut ends the connection at once.
func (c *conn) cut() {
	c.net.Close()
	c.s.sockets.wake(c)
}

// close does the closing handshake, if there is anybody to do it with: err is why
// reading ended.
func (c *conn) close(err error) {
	defer c.net.Close()
	last := c.closeFrame()
	asked, ok := errors.AsType[closeError](err)
	switch {
	case last != nil:
	case ok && asked == websocket.CloseNoStatusReceived:
		last = frames.Close(websocket.CloseNormalClosure, "")
	case ok:
		last = frames.Close(int(asked), "")
	}
	c.out.finish(last)
	if last == nil {
		c.out.offer()
		c.net.Close() // so that the drainer, if there is one, does not wait for a client that is gone
	}
	c.out.wait()
	// Closing a socket on which something unread has come in resets it, and the client
	// could lose what we sent last. So we say that we are done and read on for a while.
	if half, canCloseWrite := c.net.(interface{ CloseWrite() error }); canCloseWrite && !ok && last != nil {
		_ = half.CloseWrite()
		_ = c.net.SetReadDeadline(time.Now().Add(closeWait))
		_, _ = io.CopyN(io.Discard, c.net, maxDiscard)
	}
}
