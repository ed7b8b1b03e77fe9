package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/redis/go-redis/v9"

	"confab/web/client"
)

// benchHistory reads pages of rooms of all sizes.
func benchHistory(ctx context.Context, b *bench) error {
	sizes := []int{1000, b.scaled(100_000), b.scaled(1_000_000)}
	slices.Sort(sizes)
	rooms, err := b.stored(ctx, sizes...)
	if err != nil {
		return err
	}
	defer b.server.stop()
	session, err := client.Guest(ctx, b.server.url(), "guest")
	if err != nil {
		return err
	}
	const limit, pages = 50, 1000
	var flat float64
	for i, n := range sizes {
		took := hdrhistogram.New(1, 600_000_000, 3)
		for page := range pages {
			head := uint64(n + 1)
			before := head + 1
			if page%2 == 1 {
				before = limit + 2 + rand.Uint64N(head-limit)
			}
			start := time.Now()
			got, err := session.Messages(ctx, rooms[i], client.Page{Before: &before, Limit: limit})
			if err != nil {
				return err
			}
			_ = took.RecordValue(time.Since(start).Microseconds())
			b.expect("messages of a page", int64(len(got.Messages)), limit)
			for j, m := range got.Messages {
				if m.Seq != before-1-uint64(j) {
					b.fail("page before %d has message %d at place %d", before, m.Seq, j)
				}
			}
			if len(b.Failed) > 0 {
				return nil
			}
		}
		p99 := ms(took.ValueAtQuantile(99))
		if i == 0 {
			flat = p99
		}
		of := benchNumber(float64(n)) + " messages: "
		b.figure(of+"p50 of a page", ms(took.ValueAtQuantile(50)), "ms")
		b.figure(of+"p99 of a page", p99, "ms").over(flat).goal("≤ 5, and ≤ 1.5 × that of 1 000")
	}
	return nil
}

// benchStart starts servers with nothing and with much in the store.
func benchStart(ctx context.Context, b *bench) error {
	const starts = 5
	var empty time.Duration
	for _, n := range []int{0, b.scaled(1_000_000)} {
		if _, err := b.stored(ctx, slices.Repeat([]int{n}, min(1, n))...); err != nil {
			return err
		}
		best := time.Hour
		for range starts {
			took, err := b.server.restart(ctx)
			if err != nil {
				b.server.stop()
				return err
			}
			best = min(best, took)
		}
		b.server.stop()
		f := b.figure(fmt.Sprintf("to ready with %s events, best of %d", benchNumber(float64(n)), starts), float64(best.Microseconds())/1000, "ms")
		if n == 0 {
			empty = best
		} else {
			f.over(float64(empty.Microseconds()) / 1000).goal("within 100 ms of an empty one")
		}
	}
	return nil
}

// benchRedis counts what messages cost in Redis.
func benchRedis(ctx context.Context, b *bench) error {
	server, err := b.cmd.cluster(ctx, 1)
	if err != nil {
		return err
	}
	defer server.stop()
	b.server = server
	const rooms, rate = 100, 5000
	c, err := b.gather(ctx, rooms, rooms, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	db := redis.NewClient(&redis.Options{Addr: server.redis.addr.String()})
	defer func() { _ = db.Close() }()
	before, err := redisCounts(ctx, db)
	if err != nil {
		return err
	}
	offered, err := c.send(ctx, rate, rooms)
	if err != nil {
		return err
	}
	after, err := redisCounts(ctx, db)
	if err != nil {
		return err
	}
	bytes, err := hotBytes(ctx, db)
	if err != nil {
		return err
	}
	b.figure("bytes of a hot event of 128 bytes", bytes, "B")
	for name := range after {
		after[name] -= before[name]
	}
	b.figure("commands sent for a message, the projector's included", after["sent"]/float64(offered), "")
	b.figure("of them appends", after["cmdstat_evalsha"]/float64(offered), "")
	b.figure("commands run for a message, those in scripts included", after["run"]/float64(offered), "")
	b.figure("reads of Redis from its connections for a message", after["total_reads_processed"]/float64(offered), "")
	return c.verify(ctx)
}

// redisCounts reads the counters of INFO: commands run by name, and in all.
func redisCounts(ctx context.Context, db *redis.Client) (map[string]float64, error) {
	text, err := db.Info(ctx, "stats", "commandstats").Result()
	if err != nil {
		return nil, err
	}
	counts := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimPrefix(value, "calls=")
		value, _, _ = strings.Cut(value, ",")
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			continue // not a number
		}
		counts[name] = v
		if strings.HasPrefix(name, "cmdstat_") {
			counts["run"] += v
		}
	}
	counts["sent"] = counts["total_commands_processed"]
	return counts, nil
}

// hotBytes is what the rooms' streams and hashes take, over their number of events.
func hotBytes(ctx context.Context, db *redis.Client) (float64, error) {
	var bytes, events int64
	rooms := db.Scan(ctx, 0, "confab:*:room:*", 1000).Iterator()
	for rooms.Next(ctx) {
		key := rooms.Val()
		n, err := db.XLen(ctx, key).Result()
		if err != nil {
			return 0, err
		}
		for _, key := range []string{key, strings.Replace(key, ":room:", ":meta:", 1)} {
			size, err := db.MemoryUsage(ctx, key, 0).Result()
			if err != nil {
				return 0, fmt.Errorf("size of %s: %w", key, err)
			}
			bytes += size
		}
		events += n
	}
	return float64(bytes) / float64(max(1, events)), rooms.Err()
}
