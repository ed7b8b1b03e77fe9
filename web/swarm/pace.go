package swarm

import (
	"context"
	"time"
)

// Pace calls f rate times a second for d, whatever becomes of earlier calls (an open
// loop, so that a slow server is not spared), and returns how often it did: less, when f
// takes too long. f gets the number of the call. It ends early with ctx or the first error.
func Pace(ctx context.Context, rate float64, d time.Duration, f func(i int) error) (calls int, err error) {
	const turn = 500 * time.Microsecond
	start := time.Now()
	for {
		since := time.Since(start)
		due := int(rate * min(since, d).Seconds())
		for ; calls < due && time.Since(start) < d+turn; calls++ {
			if err := f(calls); err != nil {
				return calls, err
			}
		}
		if since >= d {
			return calls, nil
		}
		// Sleep until something is due, but not for too short.
		next := time.Duration(min(float64(calls+1)/rate, d.Seconds())*float64(time.Second)) - time.Since(start)
		select {
		case <-time.After(max(turn, next)):
		case <-ctx.Done():
			return calls, ctx.Err()
		}
	}
}
