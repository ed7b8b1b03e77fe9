package main

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// make chaos: faults drawn from a seed hit every process and every connection while
// clients chat and keep count. The same seed draws the same faults in the same order;
// what they meet is up to the machine.

var (
	chaosSeed   = flag.Uint64("chaos.seed", 0, "seed of the faults; 0 draws one")
	chaosPasses = flag.Int("chaos.passes", 0, "how many times every fault comes")
)

const (
	chaosMessages = 2500             // few: the tests' Mongo-protocol server scans whole collections
	chaosRound    = 3 * time.Second  // for a fault, about
	mustRecover   = 30 * time.Second // from the last heal to the next ack in each room
	mustHear      = 15 * time.Second // what was said last, when nothing is wrong any more
	mustSettle    = 2 * time.Minute  // from the last fault until everybody has seen all
)

func TestChaos(t *testing.T) {
	if *chaosPasses == 0 {
		t.Skip("chaos has a verb of its own: make chaos")
	}
	if *chaosSeed == 0 {
		*chaosSeed = rand.Uint64N(1_000_000) + 1
	}
	t.Run("cluster", func(t *testing.T) { chaos(t, chaosCluster) })
	t.Run("embedded", func(t *testing.T) { chaos(t, chaosEmbedded) })
}

func chaos(t *testing.T, start func(*testing.T, *rand.Rand) chaosWorld) {
	t.Logf("to see it again: make chaos SEED=%d PASSES=%d", *chaosSeed, *chaosPasses)
	random := rand.New(rand.NewPCG(*chaosSeed, 0))
	world := start(t, random)
	for name, why := range world.missing {
		t.Logf("NOT INJECTED: %s: %s", name, why)
	}
	lasts := chaosRound * time.Duration(*chaosPasses*len(world.faults))
	crowd := gatherChaos(t, world.server, chaosMessages, lasts, *chaosSeed)
	ctx, cancel := context.WithTimeout(t.Context(), 5*lasts+mustSettle+time.Minute)
	defer cancel()
	sending, following := crowd.start(ctx)
	defer func() {
		cancel()
		_, _ = sending.Wait(), following.Wait() // reported below
	}()

	s := newSchedule(crowd, random, world.faults)
	for range *chaosPasses {
		s.pass(t)
	}

	close(crowd.stop)
	if err := sending.Wait(); err != nil {
		t.Errorf("sending: %v", err)
	}
	crowd.settle(t)
	defer time.AfterFunc(mustSettle, cancel).Stop()
	if err := following.Wait(); err != nil {
		t.Errorf("following: %v", err)
	}
	t.Run("REST", func(t *testing.T) { // whatever it finds, there is a table to come
		for room := range crowd.rooms {
			crowd.checkREST(t, room)
		}
	})
	store := world.openStore(t)
	defer store.Close()
	v := crowd.judge(crowd.archive(t, store))
	var table strings.Builder
	v.table(tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0), s.tallies, world.missing, crowd.silence())
	t.Logf("seed %d\n\n%s", *chaosSeed, &table)
	if v.bad() > 0 {
		t.Errorf("promises were broken:\n%s", strings.Join(v.examples, "\n"))
	}
	crowd.check(t, store)
}
