package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"confab/domain"
	"confab/web/frames"
)

const (
	writeTime    = 10 * time.Second
	minRetry     = 250 * time.Millisecond
	backoffBase  = 500 * time.Millisecond
	backoffMost  = 30 * time.Second
	settledAfter = 5 * time.Second // a connection that held so long begins anew with waiting
)

// ErrClosed is what everything fails with after Close.
var ErrClosed = errors.New("the client is closed")

// Options of Dial. The zero value is good.
type Options struct {
	Dialer *websocket.Dialer // nil: websocket.DefaultDialer
	Logger *slog.Logger      // nil: silent
	// State is told when a connection stands (nil) and why one was lost. It must not
	// block nor call the client.
	State func(err error)
}

// Client is a live connection that comes back whenever it is lost. It is safe for
// concurrent use.
type Client struct {
	session *Session
	opt     Options
	stop    context.CancelFunc
	ended   chan struct{} // closed when run has returned

	mu         sync.Mutex
	err        error // why the client ended; nil while it lives
	conn       *connection
	nextID     uint64
	subs       map[domain.RoomID]*Subscription
	outbox     []*outgoing // in the order of sending
	retryAfter time.Duration
}

// connection is one WebSocket of the client's.
type connection struct {
	ws      *websocket.Conn
	writing sync.Mutex
	pingMS  int64
	lost    chan struct{}  // closed when the connection is over
	waiting sync.WaitGroup // the writer, and what is to be done later on it

	pending [][]byte      // frames for the writer, under the client's mutex
	more    chan struct{} // capacity 1: there are some
}

// Dial connects and returns when the server has said welcome, or with an error when
// it refuses the session or ctx ends; until then it keeps trying. ctx has no bearing
// on the client afterwards.
func Dial(ctx context.Context, s *Session, opt Options) (*Client, error) {
	if opt.Dialer == nil {
		opt.Dialer = websocket.DefaultDialer
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	up := make(chan struct{})
	var once sync.Once
	tell := opt.State
	opt.State = func(err error) {
		if err == nil {
			once.Do(func() { close(up) })
		}
		if tell != nil {
			tell(err)
		}
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Client{session: s, opt: opt, stop: stop, ended: make(chan struct{}), subs: map[domain.RoomID]*Subscription{}}
	go c.run(running)
	select {
	case <-up:
		return c, nil
	case <-c.ended:
		return nil, c.Err()
	case <-ctx.Done():
		c.Close()
		return nil, ctx.Err()
	}
}

// Close ends the client: subscriptions and what is being sent fail with ErrClosed. It
// returns when all of it has ended. Closing again does nothing.
func (c *Client) Close() {
	c.stop()
	<-c.ended
}

// Err returns why the client ended, and nil while it lives.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// run keeps a connection until the client is closed or the server wants it no more.
func (c *Client) run(ctx context.Context) {
	defer close(c.ended)
	defer c.stop()
	for failures := 0; ; {
		start := time.Now()
		err := c.connect(ctx)
		if ctx.Err() != nil {
			c.finish(ErrClosed)
			return
		}
		c.opt.State(err)
		if final(err) {
			c.finish(err)
			return
		}
		if time.Since(start) > settledAfter {
			failures = 0
		}
		wait := max(rand.N(min(backoffBase<<min(failures, 10), backoffMost)), c.takeRetryAfter(err))
		failures++
		c.opt.Logger.Info("connection lost", slog.Any("error", err), slog.Duration("retry", wait))
		if !sleep(ctx, wait) {
			c.finish(ErrClosed)
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// final reports whether coming back unchanged does not help (rule 5).
func final(err error) bool {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		return closed.Code == 4001 || closed.Code == 4003 || closed.Code == 4009
	}
	switch domain.CodeOf(err) {
	case domain.CodeUnauthenticated, domain.CodeForbidden, domain.CodeInvalid, domain.CodeNotFound:
		return true
	}
	return false
}

func (c *Client) takeRetryAfter(err error) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := c.retryAfter
	c.retryAfter = 0
	if e, ok := errors.AsType[*domain.Error](err); ok {
		wait = max(wait, e.RetryAfter)
	}
	return wait
}

// finish fails everything that waits.
func (c *Client) finish(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for _, sub := range c.subs {
		sub.end(err)
	}
	clear(c.subs)
	for _, o := range c.outbox {
		o.result <- result{err: err}
	}
	c.outbox = nil
}

// connect opens a connection, and returns why it was lost or did not come about.
func (c *Client) connect(ctx context.Context) error {
	url := "ws" + strings.TrimPrefix(c.session.at("/ws"), "http")
	ws, res, err := c.opt.Dialer.DialContext(ctx, url, http.Header{"Authorization": {"Bearer " + c.session.Token}})
	if res != nil {
		defer res.Body.Close()
	}
	if err != nil {
		if errors.Is(err, websocket.ErrBadHandshake) && res != nil {
			return fmt.Errorf("connect: %w", problem(res))
		}
		return fmt.Errorf("connect: %w", domain.Unavailable("the server", err))
	}
	conn := &connection{ws: ws, lost: make(chan struct{}), more: make(chan struct{}, 1)}
	defer conn.waiting.Wait()
	defer close(conn.lost)
	defer ws.Close()
	closeOnEnd := context.AfterFunc(ctx, func() { ws.Close() })
	defer closeOnEnd()
	defer c.detach(conn)
	conn.waiting.Go(func() { c.writePending(conn) })
	ws.SetPingHandler(func(payload string) error {
		conn.alive()
		return conn.write(websocket.PongMessage, []byte(payload))
	})
	for {
		conn.alive()
		_, msg, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		f, err := frames.DecodeServer(msg)
		if err != nil {
			return err
		}
		if err := c.hear(conn, f); err != nil {
			return err
		}
	}
}

// alive moves the time at which the line counts as dead.
func (n *connection) alive() {
	silence := time.Minute
	if n.pingMS > 0 {
		silence = 5 * time.Duration(n.pingMS) * time.Millisecond / 2
	}
	_ = n.ws.SetReadDeadline(time.Now().Add(silence))
}

func (n *connection) write(kind int, data []byte) error {
	n.writing.Lock()
	defer n.writing.Unlock()
	_ = n.ws.SetWriteDeadline(time.Now().Add(writeTime))
	return n.ws.WriteMessage(kind, data)
}

// after does f once d has passed, if the connection still stands by then. It is called
// by the connection's reader.
func (c *Client) after(conn *connection, d time.Duration, f func()) {
	conn.waiting.Go(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-conn.lost:
			return
		case <-t.C:
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.conn == conn {
			f()
		}
	})
}

// hear does what a frame says. It fails when the connection is not worth keeping.
func (c *Client) hear(conn *connection, f frames.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f := f.(type) {
	case frames.Welcome:
		conn.pingMS = f.PingMS
		c.attach(conn)
	case frames.Subscribed:
		if sub := c.subs[f.Room]; sub != nil {
			sub.subscribed(f)
		}
	case frames.EventFrame:
		if sub := c.subs[f.Event.Room]; sub != nil {
			c.deliver(sub, f.Event)
		}
	case frames.CaughtUp:
		if sub := c.subs[f.Room]; sub != nil {
			c.caughtUp(sub, f.Seq)
		}
	case frames.Ack:
		c.acked(f)
	case frames.Error:
		c.failed(conn, f)
	case frames.Reset:
		if sub := c.subs[f.Room]; sub != nil && sub.id == f.ID {
			c.drop(sub, &ResetError{Room: f.Room, Epoch: f.Epoch, Head: f.Head})
		}
	case frames.Heartbeat:
		c.compare(f.Heads)
	case frames.Goodbye:
		c.retryAfter = time.Duration(f.RetryAfterMS) * time.Millisecond
	}
	return nil
}

// attach begins to use a connection: it resumes, and sends what was not acked.
func (c *Client) attach(conn *connection) {
	c.conn = conn
	for _, sub := range c.subs {
		c.request(sub)
	}
	for _, o := range c.outbox {
		c.transmit(o)
	}
	c.opt.State(nil)
}

func (c *Client) detach(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == conn {
		c.conn = nil
	}
}

// failed finds out what an error is about: a message or a subscription.
func (c *Client) failed(conn *connection, f frames.Error) {
	err := &domain.Error{Code: f.Code, Message: f.Message, RetryAfter: time.Duration(f.RetryAfterMS) * time.Millisecond}
	passing := f.Code == domain.CodeUnavailable || f.Code == domain.CodeRateLimited || f.Code == domain.CodeInternal
	wait := max(err.RetryAfter, minRetry)
	for _, o := range c.outbox {
		switch {
		case o.id != f.ID:
		case passing:
			c.after(conn, wait, func() { c.transmit(o) })
			return
		default:
			c.settle(o, result{err: err})
			return
		}
	}
	for _, sub := range c.subs {
		switch {
		case sub.id != f.ID:
		case passing:
			sub.following = false
			c.after(conn, wait, func() { c.request(sub) })
			return
		default:
			c.drop(sub, err)
			return
		}
	}
	c.opt.Logger.Warn("error of the server", slog.String("code", string(f.Code)), slog.String("message", f.Message))
}

// newID returns an id for a frame. It is called with mu held, like all that follow.
func (c *Client) newID() string {
	c.nextID++
	return strconv.FormatUint(c.nextID, 10)
}

// write has a frame sent if there is a connection. It does not block: as long as a line
// takes nothing, the mutex would be held, and no caller's ctx be heeded.
func (c *Client) write(f frames.Frame) {
	if c.conn == nil {
		return
	}
	c.conn.pending = append(c.conn.pending, frames.Marshal(f))
	select {
	case c.conn.more <- struct{}{}:
	default:
	}
}

// writePending writes, in order, until the connection is lost. When it fails, reading
// fails too, and the next connection makes up for it. It is called without mu.
func (c *Client) writePending(conn *connection) {
	for {
		select {
		case <-conn.lost:
			return
		case <-conn.more:
		}
		c.mu.Lock()
		pending := conn.pending
		conn.pending = nil
		c.mu.Unlock()
		for _, frame := range pending {
			if conn.write(websocket.TextMessage, frame) != nil {
				conn.ws.Close()
				return
			}
		}
	}
}
