package projector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

// lease is the right to be the only projector of a partition: a key in Redis with a
// time to live, whose value is the holder's token.
//
// The token fences: the scripts that take something away compare it, inside Redis.
// Towards the store there is no fence and none is needed: Project is idempotent. What
// the lease saves is work, and the order that makes gaps visible.
type lease struct {
	client redis.UniversalClient
	key    string
	token  string
	ttl    time.Duration

	mu    sync.Mutex
	until time.Time // by the monotonic clock, counted from before the request
}

func newLease(client redis.UniversalClient, p domain.Partition, ttl time.Duration) *lease {
	return &lease{client: client, key: p.Lease(), token: domain.NewID(), ttl: ttl}
}

// leaseScript extends the lease of ARGV[1] by ARGV[2] ms, and when ARGV[3] is "1"
// takes it if nobody has it. A renewal never takes it back: somebody else may have
// had it meanwhile, and what the former holder remembers would be stale.
//
// Redis keeps the end of a lease as a time of day. After its clock was set back, a
// holder that died would have the lease for as long as that: no lease is longer than
// the twice ARGV[2] of seize.
var leaseScript = newUrgent(`
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
if not holder and ARGV[3] == '1' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if redis.call('PTTL', KEYS[1]) > 2 * ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], 2 * ARGV[2])
end
return 0`)

var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)

// acquire takes the lease if nobody has it.
func (l *lease) acquire(ctx context.Context) (bool, error) { return l.extend(ctx, "1") }

// renew returns false when the lease is lost.
func (l *lease) renew(ctx context.Context) (bool, error) { return l.extend(ctx, "0") }

func (l *lease) extend(ctx context.Context, take string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/4)
	defer cancel()
	asked := time.Now()
	n, err := leaseScript.Run(ctx, l.client, []string{l.key}, l.token, l.ttl.Milliseconds(), take).Int()
	if err != nil {
		return false, fmt.Errorf("lease %s: %w", l.key, err)
	}
	l.set(n == 1, asked)
	return n == 1, nil
}

// seize takes the lease from whoever has it, and returns when that one must have
// noticed: its own deadline is over.
func (l *lease) seize(ctx context.Context) error {
	former, err := l.client.SetArgs(ctx, l.key, l.token, redis.SetArgs{TTL: 2 * l.ttl, Get: true}).Result()
	if errors.Is(err, redis.Nil) {
		former, err = "", nil
	}
	if err != nil {
		return fmt.Errorf("seize lease %s: %w", l.key, err)
	}
	if former != "" && !sleep(ctx, l.ttl) {
		return ctx.Err()
	}
	held, err := l.renew(ctx)
	if err == nil && !held {
		err = errLeaseLost
	}
	return err
}

func (l *lease) set(held bool, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Time{}
	if held {
		l.until = asked.Add(l.ttl)
	}
}

// valid reports whether nobody else can have the lease, without asking Redis. It is
// how a process that was stopped for a while notices.
func (l *lease) valid() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.until)
}

// hold renews the lease until it is lost or ctx ends; it reports each attempt.
func (l *lease) hold(ctx context.Context, report func(error)) {
	for sleep(ctx, l.ttl/4) && l.valid() {
		held, err := l.renew(ctx)
		if ctx.Err() != nil {
			return
		}
		report(err)
		if err == nil && !held {
			return
		}
	}
}

// release gives the lease back if it is still held. It works after ctx has ended.
func (l *lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.ttl/4)
	defer cancel()
	l.set(false, time.Time{})
	_ = releaseScript.Run(ctx, l.client, []string{l.key}, l.token).Err() // else it expires
}
