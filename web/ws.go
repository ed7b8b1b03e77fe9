package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
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
			writeProblem(w, r, problem{Status: status, Code: domain.CodeInvalid, Detail: reason.Error()}, 0)
		},
	}
	id := requestID(r.Context())
	ws, err := upgrader.Upgrade(w, r, http.Header{"X-Request-Id": {id}}) // w's own headers are not sent
	if err != nil {
		return // the client was told
	}
	// The handler returns, which gives back net/http's buffers and goroutine, and gorilla's.
	c := newConn(s, ws.NetConn(), who.Session, id)
	if !s.sockets.start(c) { // the node began to stop just now
		c.begin()
		c.goodbye(spread(0))
		c.finish(errClosed)
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

// sockets are the open connections of this node. One that waits for its client is parked:
// the poller knows it, and it has no goroutine. What has come is handled by a lender, one
// of a few goroutines whose stacks have grown for it, which parks it again.
type sockets struct {
	buffers sync.Pool // gorilla's, for the answer to an upgrade

	mu       sync.Mutex
	open     map[uint64]*conn // by id
	ids      uint64
	draining bool
	poller   *poller  // nil: no connection is parked
	outboxes outboxes // none: a connection is written to by who has something for it
	lenders  lenders
	running  sync.WaitGroup
}

func newSockets(Config) *sockets { return &sockets{open: map[uint64]*conn{}} }

// start welcomes the client and has its connection served, unless the node stops. Whoever
// was welcomed is in the list: a client may end its session at once and expects to hear
// of it.
func (k *sockets) start(c *conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.draining {
		c.welcome()
		return false
	}
	if len(k.open) == 0 {
		k.lenders.keep(idleLenders)
		k.outboxes = newOutboxes()
		for _, o := range k.outboxes {
			k.running.Go(o.run)
		}
		c.s.metrics.rings.Set(float64(len(k.outboxes)))
	}
	k.ids++
	c.id = k.ids
	if c.out.now.raw != nil {
		c.out.outboxes = k.outboxes
		if poller := k.polling(); poller != nil {
			_ = c.out.now.raw.Control(func(fd uintptr) { c.watched = poller.watch(fd, c.id) == nil })
		}
	}
	c.welcome()
	k.open[c.id] = c
	k.running.Add(1)
	c.begin()
	if !c.park() {
		k.lend(c)
	}
	return true
}

// polling returns the poller, which lives from the first connection that needs it to the
// last of all; nil if there can be none. It is called with mu held.
func (k *sockets) polling() *poller {
	if k.poller == nil {
		p, err := newPoller()
		if err != nil {
			return nil
		}
		k.poller = p
		k.running.Go(func() { k.poll(p) })
	}
	return k.poller
}

func (k *sockets) remove(c *conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, c.id)
	if len(k.open) == 0 {
		k.lenders.keep(0)
		k.outboxes.close()
		if k.poller != nil {
			k.poller.close()
			k.poller = nil
		}
	}
	k.running.Done()
}

// list returns the connections that are open now.
func (k *sockets) list() []*conn {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]*conn, 0, len(k.open))
	for _, c := range k.open {
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
