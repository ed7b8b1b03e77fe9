package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"confab/domain"
)

// serveWS turns a request into a connection. Who it is and from which page it comes
// is decided before the upgrade, so that nothing is held for strangers.
func (s *Server) serveWS(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		s.fail(w, r, domain.Unavailable("this node is stopping and", errors.New("draining")))
		return
	}
	if !s.origins.allows(r) {
		s.fail(w, r, domain.Errorf(domain.CodeForbidden, "a page of this origin may not connect; the operator can allow it with CONFAB_ORIGINS. A program sends no Origin"))
		return
	}
	takeTokenOfProtocol(r)
	who, err := s.authenticate(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	upgrader := websocket.Upgrader{
		HandshakeTimeout: 5 * time.Second,
		WriteBufferPool:  &s.sockets.buffers,
		Subprotocols:     []string{subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // done above, and more strictly
		Error: func(w http.ResponseWriter, r *http.Request, status int, reason error) {
			s.writeProblem(w, r, problem{Status: status, Code: domain.CodeInvalid, Detail: reason.Error()}, 0)
		},
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the client was told
	}
	// The handler returns, which gives back net/http's buffers and goroutine stack, and
	// gorilla's with it; the connection has one small goroutine of its own.
	c := newConn(s, ws.NetConn(), who.Session, requestID(r.Context()))
	if !s.sockets.start(c) { // the node began to stop just now
		c.begin()
		c.goodbye(spread(0))
		c.run()
	}
}

// The subprotocol is optional. A page that has a token instead of the cookie, because
// another tab of the browser is signed in as somebody else, offers it together with a
// second one that carries the token: pages can add nothing else to an upgrade, and an
// URL would end in logs.
const (
	subprotocol      = "confab.v1"
	bearerOfProtocol = "confab.bearer."
)

func takeTokenOfProtocol(r *http.Request) {
	for _, p := range websocket.Subprotocols(r) {
		if token, ok := strings.CutPrefix(p, bearerOfProtocol); ok && r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
	}
}

// sockets are the open connections of this node.
type sockets struct {
	buffers sync.Pool // gorilla's, for the answer to an upgrade

	mu       sync.Mutex
	open     map[*conn]struct{}
	draining bool
	turns    chan *conn // to lenders; made with the first connection, closed with the last
	running  sync.WaitGroup

	idle atomic.Int32 // lenders that wait
}

func newSockets(Config) *sockets { return &sockets{open: map[*conn]struct{}{}} }

// start welcomes the client and runs its connection in a goroutine of its own, unless
// the node stops. Whoever was welcomed is in the list: a client may end its session at
// once and expects to hear of it.
func (k *sockets) start(c *conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.welcome()
	if k.draining {
		return false
	}
	if len(k.open) == 0 {
		k.turns = make(chan *conn)
	}
	k.open[c] = struct{}{}
	c.begin()
	k.running.Go(func() {
		defer k.remove(c)
		c.run()
	})
	return true
}

func (k *sockets) remove(c *conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, c)
	if len(k.open) == 0 {
		close(k.turns)
	}
}

// What is kept for the next who needs a stack.
const (
	idleLenders = 1024
	lenderTime  = time.Second
)

// serve has c.serve run by a lender, and returns what it does. A stack that has grown to
// handle one frame does not become small again, and 10,000 of them are most of what idle
// connections would cost; a handful of lenders has those, and the connections keep the
// smallest that there is. It costs a switch of goroutines per frame, half a microsecond;
// a new goroutine each time would cost four times that, to grow its stack.
func (k *sockets) serve(c *conn) error {
	c.turn.Add(1)
	select {
	case k.turns <- c:
	default:
		k.running.Go(func() { k.lend(c) })
	}
	c.turn.Wait()
	return c.error
}

// lend serves connections until there is none for a while.
func (k *sockets) lend(c *conn) {
	turns := k.turns // c is open, so they are not closed yet
	patience := time.NewTimer(lenderTime)
	defer patience.Stop()
	for open := true; open; {
		c.error = c.serve()
		c.turn.Done()
		if k.idle.Add(1) > idleLenders {
			k.idle.Add(-1)
			return
		}
		patience.Reset(lenderTime)
		select {
		case c, open = <-turns:
		case <-patience.C:
			open = false
		}
		k.idle.Add(-1)
	}
}

// list returns the connections that are open now.
func (k *sockets) list() []*conn {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]*conn, 0, len(k.open))
	for c := range k.open {
		all = append(all, c)
	}
	return all
}

// endSession closes the session's connections with 4001. It does not block.
func (k *sockets) endSession(id string) {
	for _, c := range k.list() {
		if c.session == id {
			c.end(closeSessionEnded, "the session has ended")
		}
	}
}

// crashed turns a panic of a connection into a log entry: nobody else may suffer.
func (s *Server) crashed(v any, stack []byte) error {
	s.metrics.panics.Inc()
	return fmt.Errorf("panic: %v\n%s", v, stack)
}
