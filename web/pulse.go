package web

import (
	"context"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"confab/domain"
	"confab/web/frames"
)

const (
	missedPongs  = 2
	sessionCheck = 25 * time.Second // with the 30 s of the cache of sessions: an ended one's connection lives at most a minute, whatever Pub/Sub loses
)

// pulse is what a connection does without being asked: it pings, sends heartbeats,
// and looks whether the session still stands. One timer does it all, so that an idle
// connection costs no goroutine for it.
type pulse struct {
	mu      sync.Mutex
	timer   *time.Timer
	cancel  context.CancelFunc // of what is being looked up; nil: nothing is
	stopped bool
	running sync.WaitGroup // the timer's callback, from being set until it returned

	ping, check time.Time // when each is due; used by the callback only
}

// startPulse begins. Pings are spread a little, to come at once for nobody's crowd
// of connections, but never further apart than the client was told.
func (c *conn) startPulse() {
	now := time.Now()
	c.pulse.ping, c.pulse.check = now.Add(c.pingSpread()), now.Add(sessionCheck-rand.N(sessionCheck/5))
	c.schedule()
}

func (c *conn) pingSpread() time.Duration {
	d := c.s.cfg.PingInterval
	return d - rand.N(d/5+1)
}

// stopPulse calls off what is being looked up, and waits for its end. A session that the
// store is asked for is not called off, since others may wait for it, too: that takes 5 s at most.
func (c *conn) stopPulse() {
	p := &c.pulse
	p.mu.Lock()
	p.stopped = true
	if p.cancel != nil {
		p.cancel()
	}
	if p.timer != nil && p.timer.Stop() {
		p.running.Done() // of the callback that will not run
	}
	p.mu.Unlock()
	p.running.Wait()
}

// schedule sets the timer to what is due next.
func (c *conn) schedule() {
	p := &c.pulse
	next := p.ping
	if p.check.Before(next) {
		next = p.check
	}
	if h := c.heartbeatDue(); h.Before(next) {
		next = h
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	p.running.Add(1)
	if p.timer == nil {
		p.timer = time.AfterFunc(time.Until(next), c.wakes)
	} else {
		p.timer.Reset(time.Until(next))
	}
}

// wakes is the timer's callback.
func (c *conn) wakes() {
	defer c.pulse.running.Done()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.pulse.mu.Lock()
	c.pulse.cancel = cancel
	stopped := c.pulse.stopped
	c.pulse.mu.Unlock()
	if stopped {
		return
	}
	c.beat(ctx)
	c.schedule()
}

func (c *conn) heartbeatDue() time.Time {
	_, last := c.out.idle()
	return last.Add(c.s.cfg.PingInterval)
}

// beat does what is due.
func (c *conn) beat(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			err := c.s.crashed(v, debug.Stack())
			c.end(closeCodeOf(c.s.shown(ctx, err).Code), "internal error")
		}
	}()
	now := time.Now()
	if !now.Before(c.pulse.ping) {
		c.pulse.ping = now.Add(c.pingSpread())
		c.ping()
	}
	if !now.Before(c.pulse.check) {
		c.pulse.check = now.Add(sessionCheck - rand.N(sessionCheck/5))
		c.checkSession(ctx)
	}
	if !now.Before(c.heartbeatDue()) {
		c.heartbeat()
	}
}

// ping asks for a sign of life. While something waits in the backlog the write
// deadline watches over the connection, and a ping would only wait behind it.
func (c *conn) ping() {
	if nothingWaits, _ := c.out.idle(); !nothingWaits {
		return
	}
	if c.unanswered.Load() >= missedPongs {
		c.s.metrics.closed(closeAbnormal)
		c.cut()
		return
	}
	c.unanswered.Add(1)
	c.sent(c.out.control(frames.ControlPing()))
}

// heartbeat tells the heads of the subscribed rooms: those of the log, not of what this
// connection was given, or the client could not notice a loss by them. The hub has read
// them for all; a look of each connection's own would be most of an idle node's work.
func (c *conn) heartbeat() {
	heads := map[domain.RoomID]uint64{}
	for _, sub := range c.subscriptions() {
		heads[sub.room] = sub.head()
	}
	c.send(frames.Heartbeat{Heads: heads})
}

// checkSession ends the connection if the session was ended and nobody told us, or
// if it expired. A store that does not answer ends nothing.
func (c *conn) checkSession(ctx context.Context) {
	_, err := c.s.accounts.AuthenticateHash(ctx, c.tokenHash)
	if domain.CodeOf(err) == domain.CodeUnauthenticated {
		c.end(closeSessionEnded, "the session has ended")
	}
}
