package web

import (
	"context"
	"sync"
	"time"
)

// deadline hands out contexts that end when a command has taken too long. Commands that
// begin within a second share one: a timer for each would cost as much as to read it.
type deadline struct {
	mu    sync.Mutex
	ctx   context.Context //nolint:containedctx // what is handed out
	renew time.Time
}

// context returns one that ends commandTime from now, or up to a tenth later.
func (d *deadline) context() context.Context {
	const shared = commandTime / 10
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !now.Before(d.renew) {
		ctx, cancel := context.WithTimeout(context.Background(), commandTime+shared)
		context.AfterFunc(ctx, cancel) // and not before: others use it
		d.ctx, d.renew = ctx, now.Add(shared)
	}
	return d.ctx
}
