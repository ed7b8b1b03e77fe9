package projector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

// TestGather_together: whenever their first events come, the partitions' batches are ready at
// the same moment, but those that an ack waits for, and large ones, at once.
func TestGather_together(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ready := func(p *Projector, at time.Duration, n int) (when time.Duration) {
			in := make(chan item, n)
			time.Sleep(at - time.Since(began)) // synctest
			for range n {
				in <- item{}
			}
			batch, err := p.gather(t.Context(), in)
			require.NoError(t, err)
			require.Len(t, batch, n)
			return time.Since(began)
		}
		p := &Projector{cfg: Config{BatchSize: 2000}}
		durable := &Projector{cfg: p.cfg}
		durable.cfg.Committed = func(context.Context, []domain.Record) error { return nil }
		for _, c := range []struct {
			p         *Projector
			at, ready time.Duration
			n         int
		}{
			{p, linger / 5, linger, 1},
			{p, linger * 6 / 5, 2 * linger, 3},
			{p, linger * 14 / 5, 3 * linger, 1},
			{p, linger * 16 / 5, linger * 16 / 5, large + 1},
			{durable, linger * 17 / 5, linger * 17 / 5, 1},
		} {
			require.Equal(t, c.ready, ready(c.p, c.at, c.n))
		}
	})
}
