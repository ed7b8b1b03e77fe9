package web

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// DeferAccept returns a listener on ln that accepts a connection once its client has sent
// something, as TCP_DEFER_ACCEPT does, but without a place in the kernel's queue: whoever
// connects and says nothing costs a descriptor and no goroutine, and is closed after
// within. Close closes ln and those that have said nothing. It returns ln itself where
// silence cannot be waited for without a goroutine.
func DeferAccept(ln net.Listener, within time.Duration) net.Listener {
	p, err := newPoller()
	if err != nil {
		return ln
	}
	l := &deferredListener{
		Listener: ln, within: within, poller: p,
		accepted: make(chan accepted), ended: make(chan struct{}), silent: map[uint64]*silent{},
	}
	l.close = sync.OnceValue(l.end)
	l.running.Go(l.take)
	l.running.Go(l.poll)
	return l
}

type deferredListener struct {
	net.Listener
	within   time.Duration
	poller   *poller
	accepted chan accepted
	ended    chan struct{} // closed by Close
	close    func() error  // once
	running  sync.WaitGroup

	mu     sync.Mutex
	silent map[uint64]*silent // nil after Close
	ids    uint64
}

type accepted struct {
	conn net.Conn
	err  error
}

// silent is a connection whose client has said nothing yet.
type silent struct {
	net.Conn
	raw   syscall.RawConn
	timer *time.Timer
}

// Accept implements net.Listener.
func (l *deferredListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *deferredListener) Close() error { return l.close() }

func (l *deferredListener) end() error {
	err := l.Listener.Close()
	close(l.ended)
	l.poller.close()
	l.mu.Lock()
	for _, c := range l.silent {
		c.timer.Stop()
		_ = c.Close()
	}
	l.silent = nil
	l.mu.Unlock()
	l.running.Wait()
	return err
}

// take accepts from the kernel. An error waits until it was told, which keeps the pace of
// whoever calls Accept.
func (l *deferredListener) take() {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.await(conn) {
			if !l.hand(accepted{conn, err}) {
				return
			}
		}
	}
}

// hand gives what was accepted to whoever calls Accept. It returns false after Close.
func (l *deferredListener) hand(a accepted) bool {
	select {
	case l.accepted <- a:
		return true
	case <-l.ended:
		if a.conn != nil {
			_ = a.conn.Close()
		}
		return false
	}
}

// await has the poller watch the connection. It returns false if that cannot be.
func (l *deferredListener) await(conn net.Conn) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent == nil {
		return false
	}
	l.ids++
	id := l.ids
	if err := raw.Control(func(fd uintptr) { ok = l.poller.watch(fd, id) == nil }); err != nil || !ok {
		return false
	}
	l.silent[id] = &silent{conn, raw, time.AfterFunc(l.within, func() {
		if c := l.remove(id); c != nil {
			_ = c.Close()
		}
	})}
	return true
}

// remove returns the connection if nobody else has removed it.
func (l *deferredListener) remove(id uint64) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.silent[id]
	if c == nil {
		return nil
	}
	delete(l.silent, id)
	c.timer.Stop()
	_ = c.raw.Control(l.poller.forget) // it fails if it is closed, and forgotten
	return c.Conn
}

// poll hands out the connections on which something has come.
func (l *deferredListener) poll() {
	spoke := func(id uint64, _ bool) {
		if c := l.remove(id); c != nil {
			l.hand(accepted{conn: c})
		}
	}
	for l.poller.wait(spoke) == nil {
	}
}
