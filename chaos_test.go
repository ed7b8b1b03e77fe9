package main

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// make chaos: faults drawn from a seed hit every process and every connection while
// clients chat and keep count. The same seed draws the same faults in the same order;
// what they meet is up to the machine.

var (
	chaosSeed = flag.Uint64("chaos.seed", 0, "seed of the faults; 0 draws one")
	chaosFor  = flag.Duration("chaos.for", 0, "how long faults come in the cluster; the embedded mode takes half of it")
)

const (
	chaosMessages = 2500             // few: the tests' Mongo-protocol server scans whole collections
	mustRecover   = 30 * time.Second // from the last heal to the next ack
	mustSettle    = 2 * time.Minute  // from the last fault until everybody has seen all
)

func TestChaos(t *testing.T) {
	if *chaosFor == 0 {
		t.Skip("chaos has a verb of its own: make chaos")
	}
	if *chaosSeed == 0 {
		*chaosSeed = rand.Uint64N(1_000_000) + 1
	}
	t.Run("cluster", func(t *testing.T) { chaos(t, chaosCluster, *chaosFor) })
	t.Run("embedded", func(t *testing.T) { chaos(t, chaosEmbedded, *chaosFor/2) })
}

func chaos(t *testing.T, start func(*testing.T, *rand.Rand) chaosWorld, lasts time.Duration) {
	t.Logf("to see it again: make chaos SEED=%d FOR=%v", *chaosSeed, *chaosFor)
	random := rand.New(rand.NewPCG(*chaosSeed, 0))
	world := start(t, random)
	crowd := gatherChaos(t, world.server, chaosMessages, lasts, *chaosSeed)
	ctx, cancel := context.WithTimeout(t.Context(), lasts+mustSettle+time.Minute)
	defer cancel()
	sending, following := crowd.start(ctx)

	s := schedule{crowd: crowd, faults: world.faults, random: random, tallies: map[string]*tally{}}
	for end := time.Now().Add(lasts); time.Now().Before(end) && !t.Failed(); {
		s.round(t)
	}

	close(crowd.stop)
	if err := sending.Wait(); err != nil {
		t.Errorf("sending: %v", err)
	}
	crowd.settle(t)
	if err := following.Wait(); err != nil {
		t.Errorf("following: %v", err)
	}
	for room := range crowd.rooms {
		crowd.checkREST(t, room)
	}
	store := world.openStore(t)
	defer store.Close()
	v := crowd.judge(crowd.archive(t, store))
	var table strings.Builder
	v.table(tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0), s.tallies, crowd.silence())
	t.Logf("seed %d\n\n%s", *chaosSeed, &table)
	if v.bad() > 0 {
		t.Errorf("promises were broken:\n%s", strings.Join(v.examples, "\n"))
	}
	crowd.check(t, store)
}

// schedule draws faults and lets them happen.
type schedule struct {
	crowd   *chaosCrowd
	faults  []fault
	random  *rand.Rand
	deck    []fault // what is to come before anything comes again
	tallies map[string]*tally
}

// round lets one fault happen, or two at once, waits until a message is acked after
// all is healed, and takes a breath.
func (s *schedule) round(t *testing.T) {
	type healing struct {
		at   time.Time
		heal func()
	}
	var healings []healing
	defer func() {
		for _, h := range healings { // left over by a failure
			h.heal()
		}
	}()
	chosen := s.draw()
	for _, f := range chosen {
		whom, lasts, heal := f.strike(s.random)
		t.Logf("%v %s (%s) for %v", time.Now().Format("15:04:05.000"), f.name, whom, lasts.Round(time.Millisecond))
		healings = append(healings, healing{time.Now().Add(lasts), heal})
	}
	slices.SortFunc(healings, func(a, b healing) int { return a.at.Compare(b.at) })
	for len(healings) > 0 {
		next := healings[0]
		<-time.After(time.Until(next.at))
		healings = healings[1:]
		next.heal()
	}
	recovery := s.recovery(t)
	for _, f := range chosen {
		if s.tallies[f.name] == nil {
			s.tallies[f.name] = &tally{}
		}
		s.tallies[f.name].times++
		s.tallies[f.name].longest = max(s.tallies[f.name].longest, recovery)
	}
	<-time.After(time.Duration(s.random.Int64N(int64(time.Second))))
}

// recovery waits for the next ack and returns how long it took. The run ends when it
// takes too long, and is judged.
func (s *schedule) recovery(t *testing.T) time.Duration {
	healed := time.Now()
	for time.Since(healed) < mustRecover {
		if acked, ok := s.crowd.ackedAfter(healed); ok {
			return acked.Sub(healed)
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("nothing was acked for %v after all was healed", mustRecover)
	return mustRecover
}

// draw takes one fault from the shuffled deck, and every third time another one that
// hits something else.
func (s *schedule) draw() (chosen []fault) {
	if len(s.deck) == 0 {
		s.deck = slices.Clone(s.faults)
		s.random.Shuffle(len(s.deck), func(i, j int) { s.deck[i], s.deck[j] = s.deck[j], s.deck[i] })
	}
	chosen, s.deck = append(chosen, s.deck[0]), s.deck[1:]
	if s.random.IntN(3) > 0 {
		return chosen
	}
	other := slices.IndexFunc(s.deck, func(f fault) bool { return f.on != chosen[0].on })
	if other >= 0 {
		chosen = append(chosen, s.deck[other])
		s.deck = slices.Delete(s.deck, other, other+1)
	}
	return chosen
}
