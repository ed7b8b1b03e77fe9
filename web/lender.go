package web

import (
	"slices"
	"sync"
	"time"
)

// Who serves a connection, conn.state.
const (
	served int32 = iota // a lender
	parked              // nobody: the poller tells when something has come
	woken               // a lender, and it has to look again before it parks
)

// park leaves the connection, which nobody else serves, to the poller. It returns false if
// that cannot be, or if it was woken meanwhile: then who calls goes on serving it, and
// otherwise touches it no more.
func (c *conn) park() bool {
	if !c.watched || c.more {
		return false
	}
	if c.state.CompareAndSwap(served, parked) {
		return true
	}
	c.state.Store(served)
	return false
}

// wake has a connection served, since something has come or it is to end. It does not
// block.
func (k *sockets) wake(c *conn) {
	for {
		switch {
		case c.state.CompareAndSwap(parked, served):
			k.lend(c)
			return
		case c.state.CompareAndSwap(served, woken), c.state.Load() == woken:
			return
		}
	}
}

// poll wakes the connections for which something has come, until the poller is closed.
func (k *sockets) poll(p *poller) {
	came := func(id uint64, parted bool) {
		k.mu.Lock()
		c := k.open[id]
		k.mu.Unlock()
		if c == nil {
			return
		}
		if parted {
			c.parted.Store(true)
		}
		k.wake(c)
	}
	for p.wait(came) == nil {
	}
}

// What is kept for the next who needs a stack.
const (
	idleLenders = 1024
	lenderTime  = time.Second
)

// lenders are those that wait for a connection. The one that began last gets the next, as
// in fasthttp's pool: its stack is in the processor's cache, and those that a crowd has left
// behind have nothing to do and end.
type lenders struct {
	mu   sync.Mutex
	most int            // that are kept; 0: none, since no connection is open
	idle []chan<- *conn // each takes one without blocking
}

// keep has idle lenders kept, or none, and ends those that wait.
func (l *lenders) keep(most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = most
	for _, turn := range l.idle {
		close(turn)
	}
	l.idle = nil
}

// wait adds a lender, unless it is to end.
func (l *lenders) wait(turn chan<- *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.idle) >= l.most {
		return false
	}
	l.idle = append(l.idle, turn)
	return true
}

// leave takes a lender away, unless it has been given a connection or was ended.
func (l *lenders) leave(turn chan<- *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.idle, turn)
	if i >= 0 {
		l.idle = slices.Delete(l.idle, i, i+1)
	}
	return i >= 0
}

// next takes the lender away that began to wait last.
func (l *lenders) next() (turn chan<- *conn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.idle) - 1
	if last < 0 {
		return nil, false
	}
	turn = l.idle[last]
	l.idle = l.idle[:last]
	return turn, true
}

// lend has a lender serve c until it is parked or has ended. It does not block. A new
// goroutine for each frame would cost four times as much, to grow its stack.
func (k *sockets) lend(c *conn) {
	if turn, ok := k.lenders.next(); ok {
		turn <- c
		return
	}
	k.running.Go(func() { k.serve(c) })
}

// serve is a lender: it serves connections until there is none for a while.
func (k *sockets) serve(c *conn) {
	turn := make(chan *conn, 1)
	patience := time.NewTimer(lenderTime)
	defer patience.Stop()
	for c != nil {
		if err := c.serveAll(); err != nil {
			c.finish(err)
			k.remove(c)
		}
		if !k.lenders.wait(turn) {
			return
		}
		patience.Reset(lenderTime)
		select {
		case c = <-turn: // nil if it is to end
		case <-patience.C:
			if k.lenders.leave(turn) {
				return
			}
			c = <-turn
		}
	}
}

// serveAll serves the connection until it is parked, or fails because it has ended.
func (c *conn) serveAll() error {
	for {
		if err := c.serve(); err != nil || c.park() {
			return err
		}
	}
}
