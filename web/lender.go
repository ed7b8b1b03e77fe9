package web

import "time"

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

// lend has a lender serve c until it is parked or has ended. It does not block. A new
// goroutine for each frame would cost four times as much, to grow its stack.
func (k *sockets) lend(c *conn) {
	select {
	case k.turns <- c:
	default:
		k.running.Go(func() { k.serve(c) })
	}
}

// serve is a lender: it serves connections until there is none for a while.
func (k *sockets) serve(c *conn) {
	turns := k.turns // c is open, so they are not closed yet
	patience := time.NewTimer(lenderTime)
	defer patience.Stop()
	for open := true; open; {
		if err := c.serveAll(); err != nil {
			c.finish(err)
			k.remove(c)
		}
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

// serveAll serves the connection until it is parked, or fails because it has ended.
func (c *conn) serveAll() error {
	for {
		if err := c.serve(); err != nil || c.park() {
			return err
		}
	}
}
