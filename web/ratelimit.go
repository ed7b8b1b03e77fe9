package web

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"confab/domain"
)

// limit is a token bucket: a burst, refilled by one every so often.
type limit struct {
	burst int
	every time.Duration
}

// The limits before somebody is signed in. A bucket is per client address (IPv6: per
// /64), that of failed sign-ins per account.
var (
	signUpLimit = limit{burst: 60, every: 2 * time.Second}
	signInLimit = limit{burst: 60, every: 2 * time.Second}
	guestLimit  = limit{burst: 300, every: 2 * time.Second} // they cost no hash, and a school has one address
	failedLimit = limit{burst: 20, every: 15 * time.Second}
)

// bucketsKept bounds memory: two generations of that many buckets.
const bucketsKept = 20_000

// ipLimits holds the buckets. The older generation is dropped when the younger is
// full; a bucket in use moves to the younger one.
type ipLimits struct {
	on  bool
	now func() time.Time

	mu         sync.Mutex
	young, old map[bucketKey]*rate.Limiter
}

type bucketKey struct{ what, who string }

func newIPLimits(on bool, now func() time.Time) *ipLimits {
	return &ipLimits{on: on, now: now, young: map[bucketKey]*rate.Limiter{}}
}

// take takes one token, or says when to come back.
func (l *ipLimits) take(what, who string, lim limit) error {
	if !l.on {
		return nil
	}
	now := l.now()
	b := l.bucket(bucketKey{what, who}, lim)
	if b.AllowN(now, 1) {
		return nil
	}
	return rateLimited(time.Duration((1 - b.TokensAt(now)) * float64(lim.every)))
}

// giveBack returns a token that was taken. Reservation.Cancel would not, once others
// have taken theirs since.
func (l *ipLimits) giveBack(what, who string, lim limit) {
	if l.on {
		l.bucket(bucketKey{what, who}, lim).AllowN(l.now(), -1) // never beyond the burst
	}
}

func rateLimited(wait time.Duration) error {
	return &domain.Error{
		Code:       domain.CodeRateLimited,
		Message:    "too many attempts from here or for this account; wait a little",
		RetryAfter: wait,
	}
}

func (l *ipLimits) bucket(k bucketKey, lim limit) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.young[k]; ok {
		return b
	}
	b, ok := l.old[k]
	if !ok {
		b = rate.NewLimiter(rate.Every(lim.every), lim.burst)
	}
	if len(l.young) >= bucketsKept {
		l.old, l.young = l.young, map[bucketKey]*rate.Limiter{}
	}
	l.young[k] = b
	return b
}

// network is what limits are counted by: an IPv4 address, or the /64 that one IPv6
// subscriber has to himself.
func network(ip netip.Addr) string {
	if ip.Is6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
