package ingest

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"confab/domain"
)

// rateLimit is a token bucket per user. It forgets users whose bucket is full again,
// so that its memory is bounded by the number of users who sent something in the
// last few seconds.
type rateLimit struct {
	rate   rate.Limit
	burst  int
	refill time.Duration // an empty bucket is full after this

	mu       sync.Mutex
	current  map[domain.UserID]*rate.Limiter
	previous map[domain.UserID]*rate.Limiter // not used since rotated
	rotated  time.Time
}

func newRateLimit(perSecond float64, burst int) *rateLimit {
	return &rateLimit{
		rate: rate.Limit(perSecond), burst: burst,
		refill:  time.Duration(float64(burst) / perSecond * float64(time.Second)),
		current: map[domain.UserID]*rate.Limiter{},
	}
}

// allow takes one token of the user, or says in how long there will be one.
func (l *rateLimit) allow(user domain.UserID, now time.Time) error {
	l.mu.Lock() // until the token is given back: after another reservation it would not be
	defer l.mu.Unlock()
	bucket := l.bucket(user, now)
	r := bucket.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	r.CancelAt(now)
	e := domain.Errorf(domain.CodeRateLimited, "you send faster than %v messages a second; wait a little", float64(l.rate))
	e.RetryAfter = wait
	return e
}

// bucket is called with mu held.
func (l *rateLimit) bucket(user domain.UserID, now time.Time) *rate.Limiter {
	if now.Sub(l.rotated) >= l.refill {
		// What is in previous was not used for a whole turn: those buckets are full.
		l.previous, l.current, l.rotated = l.current, map[domain.UserID]*rate.Limiter{}, now
	}
	b := l.current[user]
	if b == nil {
		if b = l.previous[user]; b == nil {
			b = rate.NewLimiter(l.rate, l.burst)
		}
		delete(l.previous, user)
		l.current[user] = b
	}
	return b
}
