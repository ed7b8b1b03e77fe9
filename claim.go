package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

// Each history has one Redis, and each Redis one history: two processes that shared only one of
// them would divide every room's. So the processes claim both, again and again.

const (
	partitionsKey = "confab:partitions"
	historyKey    = "confab:history"
	logKey        = "confab:log" // names what this Redis holds, as historyKey names what the store does
)

// How often Redis is claimed, which may lose everything and would be anybody's then, and the
// store, which has to hear of us more often than it forgets us (mongodb.Store.Hold).
const (
	claimRedisEvery = time.Second
	claimStoreEvery = 3 * time.Second
)

// claimRedis refuses a Redis that is used with another number of partitions, in which rooms
// would be looked for in the wrong place, or for another history: two processes that each had a
// store of their own would divide every room's. The first one to claim it says both.
func (b *backends) claimRedis(ctx context.Context) error { return b.agree(ctx, claimKey) }

// lookAtRedis refuses as claimRedis does, and claims nothing: an empty Redis stays anybody's.
func (b *backends) lookAtRedis(ctx context.Context) error { return b.agree(ctx, readKey) }

func (b *backends) agree(ctx context.Context, say func(ctx context.Context, c *redis.Client, key, value string) (string, error)) error {
	c, partitions, history := b.redis.write, b.partitions, b.history
	n, err := say(ctx, c, partitionsKey, strconv.Itoa(partitions))
	if err != nil {
		return err
	}
	if n != strconv.Itoa(partitions) {
		return permanent{fmt.Errorf("partitions: this Redis was set up with %s, not %d; start with CONFAB_PARTITIONS=%s", n, partitions, n)}
	}
	other, err := say(ctx, c, historyKey, history)
	if err != nil {
		return err
	}
	if other != history {
		return permanent{fmt.Errorf("this Redis belongs to history %s and the store holds %s: processes that share a Redis share a store, too, by CONFAB_MONGO_URI; for a new history, use an empty Redis", other, history)}
	}
	return nil
}

// claimScript is for a Redis that is full, which has to let projectors in.
var claimScript = redis.NewScript(`#!lua flags=allow-oom
return redis.call("SETNX", KEYS[1], ARGV[1])`)

// claimKey sets a key that is not there, and returns its value.
func claimKey(ctx context.Context, c *redis.Client, key, value string) (string, error) {
	for range 2 {
		switch got, err := c.Get(ctx, key).Result(); {
		case err == nil:
			return got, nil
		case !errors.Is(err, redis.Nil):
			return "", fmt.Errorf("read %s: %w", key, err)
		}
		err := c.SetNX(ctx, key, value, 0).Err()
		if redis.HasErrorPrefix(err, "OOM") {
			err = claimScript.Run(ctx, c, []string{key}, value).Err()
		}
		if err != nil {
			return "", fmt.Errorf("set %s: %w", key, err)
		}
	}
	return "", fmt.Errorf("%s is set and gone", key)
}

// readKey returns the value of a key, and the given one where there is none.
func readKey(ctx context.Context, c *redis.Client, key, value string) (string, error) {
	got, err := c.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return value, nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", key, err)
	}
	return got, nil
}

// again claims every now and then until ctx ends. It fails when somebody else was faster.
func again(every time.Duration, claim func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			if err, ok := errors.AsType[permanent](claim(ctx)); ok {
				return err
			}
		}
	}
}

// holder is a store that several processes may open, which are to share a Redis.
type holder interface {
	Hold(ctx context.Context, log string) error
	Release(ctx context.Context, log string) error
}

// claimStore refuses a store that is in use with another Redis.
func (b *backends) claimStore(ctx context.Context) error {
	store, ok := b.store.(holder)
	if !ok {
		return nil
	}
	log, err := claimKey(ctx, b.redis.write, logKey, domain.NewID())
	if err == nil {
		err = store.Hold(ctx, log)
	}
	if domain.CodeOf(err) == domain.CodeConflict {
		return permanent{err}
	}
	return err
}

// releaseStore lets another embedded Redis have the history at once: this one ends with its process.
func (b *backends) releaseStore() error {
	store, ok := b.store.(holder)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	log, err := b.redis.write.Get(ctx, logKey).Result()
	if err != nil {
		return err
	}
	return store.Release(ctx, log)
}
