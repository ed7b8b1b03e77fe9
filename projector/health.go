package projector

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// dependency remembers whether something outside answers those who need it. Each of
// them reports under a name of its own: that one is served says nothing of another.
type dependency struct {
	name   string
	logger *slog.Logger

	mu      sync.Mutex
	failing map[string]error
	at      time.Time // of the last report
}

// report notes the outcome of a call. It logs when the first one fails and when the
// last one is served again.
func (d *dependency) report(who string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = time.Now()
	was := len(d.failing) > 0
	if err != nil {
		if d.failing == nil {
			d.failing = map[string]error{}
		}
		d.failing[who] = err
	} else {
		delete(d.failing, who)
	}
	switch is := len(d.failing) > 0; {
	case is && !was:
		d.logger.Warn("not reachable; nothing is lost, trying again", "what", d.name, "who", who, "err", err)
	case was && !is:
		d.logger.Info("reachable again", "what", d.name)
	}
}

// forget is for somebody who needs it no more.
func (d *dependency) forget(who string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.failing, who)
}

func (d *dependency) trouble() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, err := range d.failing {
		return fmt.Errorf("%s is not reachable: %w", d.name, err)
	}
	return nil
}

func (d *dependency) quiet() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Since(d.at)
}

// Ready returns nil while the store and Redis answer, else which does not. It does
// not ask them itself: Run does, all the time.
func (p *Projector) Ready() error {
	if err := p.store.trouble(); err != nil {
		return err
	}
	return p.redis.trouble()
}

// watchStore pings the store while no work shows whether it answers. A ping that is
// answered does not outweigh work that fails.
func (p *Projector) watchStore(ctx context.Context) {
	const interval = 2 * time.Second
	for {
		if p.store.quiet() >= interval {
			ping, cancel := context.WithTimeout(ctx, interval)
			err := p.cfg.Store.Ping(ping)
			cancel()
			if ctx.Err() != nil {
				return
			}
			p.store.report("ping", err)
		}
		if !sleep(ctx, interval) {
			return
		}
	}
}
