package projector

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// dependency remembers whether something outside answered lately.
type dependency struct {
	name   string
	logger *slog.Logger

	mu  sync.Mutex
	err error
	at  time.Time // of the last report
}

// report notes the outcome of a call and logs when it differs from the one before.
func (d *dependency) report(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.err == nil {
		d.logger.Warn(d.name+" is not reachable; nothing is lost, trying again", "err", err)
	}
	if err == nil && d.err != nil {
		d.logger.Info(d.name + " is reachable again")
	}
	d.err, d.at = err, time.Now()
}

func (d *dependency) failing() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return fmt.Errorf("%s is not reachable: %w", d.name, d.err)
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
	if err := p.store.failing(); err != nil {
		return err
	}
	return p.redis.failing()
}

// watchStore pings the store while no work shows whether it answers.
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
			p.store.report(err)
		}
		if !sleep(ctx, interval) {
			return
		}
	}
}
