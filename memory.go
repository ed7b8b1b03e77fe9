package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// collectEarlier has the heap collected when it has grown by three quarters, not doubled,
// unless GOGC says otherwise: what a crowd of strangers can make the server hold for a while
// matters more than the few percent of a busy one's time.
func collectEarlier() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(75)
	}
}

// giveBack returns memory to the system when the process has become quiet, until ctx ends.
// The collector runs when the heap has grown enough, or after two minutes, so a server would
// keep nearly twice what a crowd took that arrived and then sat still. What the last
// collection found in use says nothing: it may have been in the middle of the crowd. Stacks
// become free without a collection, those of a crowd that got its heartbeats at once. Where
// much goes on nothing is given back, since there the collector runs anyway.
//
// It only collects. The runtime's scavenger then returns in small steps what is free beyond a
// tenth of what was in use before the last collection, hence two of them. debug.FreeOSMemory
// returns all at once: for 230 ms, after 10,000 had come, one of two processors did nothing else.
func giveBack(ctx context.Context) error {
	const (
		quiet = 5 * time.Second // without a collection
		worth = 8 << 20         // bytes that are more than what is in use needs
	)
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	last, given := memory(), memoryUse{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := memory()
		if now.collections == last.collections && (now.collections != given.collections || now.free > given.free+worth) {
			runtime.GC()
			if now = memory(); now.held > now.live+now.live/8+worth {
				runtime.GC() // ends also what is pooled
				now = memory()
			}
			given = now
		}
		given.free = min(given.free, now.free) // the scavenger is at it
		last = now
	}
}

// memoryUse is what the heap takes.
type memoryUse struct {
	collections uint64
	live        uint64 // bytes that the last collection found in use
	held        uint64 // bytes taken from the system for the heap
	free        uint64 // bytes of them in which there is nothing
}

func memory() memoryUse {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	v := func(i int) uint64 { return samples[i].Value.Uint64() }
	return memoryUse{collections: v(0), live: v(1), held: v(2) + v(3) + v(4), free: v(4)}
}
