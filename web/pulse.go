package web

import (
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"confab/domain"
	"confab/web/frames"
)

const missedPongs = 2

// pulse is what a connection does without being asked: it pings and sends heartbeats. One
// timer does both, so that an idle connection costs no goroutine for it.
type pulse struct {
	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	running sync.WaitGroup // the timer's callback, from being set until it returned

	ping time.Time // when the next is due; used by the callback only
}

// startPulse begins. The first pings of a crowd of connections are spread over the whole
// interval, and the later ones a little, to stay apart; but they are never further apart
// than the client was told.
func (c *conn) startPulse() {
	c.pulse.ping = time.Now().Add(rand.N(c.s.cfg.PingInterval))
	c.schedule()
}

func (c *conn) pingSpread() time.Duration {
	d := c.s.cfg.PingInterval
	return d - rand.N(d/5+1)
}

// stopPulse waits for the end of what the pulse does at the moment.
func (c *conn) stopPulse() {
	p := &c.pulse
	p.mu.Lock()
	p.stopped = true
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
	c.beat()
	c.schedule()
}

func (c *conn) heartbeatDue() time.Time {
	_, last := c.out.idle()
	return last.Add(c.s.cfg.PingInterval)
}

// beat does what is due.
func (c *conn) beat() {
	defer func() {
		if v := recover(); v != nil {
			err := c.s.crashed(v, debug.Stack())
			c.end(closeCodeOf(c.shown(err).Code), "internal error")
		}
	}()
	now := time.Now()
	if !now.Before(c.pulse.ping) {
		c.pulse.ping = now.Add(c.pingSpread())
		c.ping()
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
	heads := headMaps.Get().(map[domain.RoomID]uint64)
	for _, sub := range c.subscriptions() {
		heads[sub.room] = sub.head()
	}
	c.send(frames.Heartbeat{Heads: heads})
	clear(heads)
	headMaps.Put(heads)
}

// headMaps are kept: a crowd that fell silent together hears its heartbeats together, too.
var headMaps = sync.Pool{New: func() any { return map[domain.RoomID]uint64{} }}
