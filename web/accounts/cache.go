package accounts

import (
	"sync"
	"time"

	"confab/domain"
)

const (
	cacheLifetime = 30 * time.Second // the longest that an ended session may live on
	cacheSize     = 10_000
)

// cache remembers sessions by the hash of their token.
type cache struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]cached
	drops   uint64
}

type cached struct {
	session domain.Session
	until   time.Time
}

func newCache(now func() time.Time) *cache {
	return &cache{now: now, entries: map[string]cached{}}
}

func (c *cache) get(hash string) (domain.Session, bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[hash]
	if !ok || !now.Before(e.until) {
		delete(c.entries, hash)
		return domain.Session{}, false
	}
	return e.session, true
}

// generation is to be read before the store is asked, and given to put.
func (c *cache) generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drops
}

// put remembers a session that the store was asked for at a time, unless one was dropped
// since the generation: it may have been this one, read just before it ended.
func (c *cache) put(hash string, s domain.Session, asked time.Time, generation uint64) {
	until := asked.Add(cacheLifetime)
	if s.ExpiresAt.Before(until) {
		until = s.ExpiresAt.Time
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != generation {
		return
	}
	if len(c.entries) >= cacheSize {
		clear(c.entries) // rare, and it only costs a look at the store each
	}
	c.entries[hash] = cached{session: s, until: until}
}

// tidy gives back the memory of the entries that are too old. A map keeps what it once
// needed, so those that are left get another.
func (c *cache) tidy() {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	left := map[string]cached{}
	for hash, e := range c.entries {
		if now.Before(e.until) {
			left[hash] = e
		}
	}
	c.entries = left
}

func (c *cache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	for hash, e := range c.entries {
		if e.session.ID == id {
			delete(c.entries, hash)
		}
	}
}
