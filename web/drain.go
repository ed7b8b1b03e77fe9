package web

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Clients told to leave come back at another node. So that the others can take them
// in, they are spread over a time that grows with their number.
const (
	comeBackAfter = 250 * time.Millisecond
	comeBackEach  = time.Millisecond
	comeBackMost  = 30 * time.Second
)

// drain tells all clients goodbye and closes their connections with 1012, after what
// they still have to get. It returns when all are closed; when ctx ends before, the
// rest is cut.
func (k *sockets) drain(ctx context.Context) error {
	k.mu.Lock()
	k.draining = true
	k.mu.Unlock()

	all := k.list()
	within := min(time.Second+time.Duration(len(all))*comeBackEach, comeBackMost)
	for _, c := range all {
		c.goodbye(comeBackAfter + rand.N(within))
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		k.running.Wait()
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
	}
	left := k.list()
	for _, c := range left {
		c.out.finish(c.closeFrame())
		c.out.offer() // the goodbye, which may wait for an outbox still
		c.cut()
	}
	<-closed
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("drain: %d connections had to be cut: %w", len(left), ctx.Err())
}
