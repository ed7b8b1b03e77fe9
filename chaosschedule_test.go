package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// schedule draws faults and lets them happen.
type schedule struct {
	crowd   *chaosCrowd
	random  *rand.Rand
	faults  []fault
	deck    []fault // what is to come before anything comes again
	tallies map[string]*tally
}

func newSchedule(crowd *chaosCrowd, random *rand.Rand, faults []fault) *schedule {
	s := &schedule{crowd: crowd, random: random, faults: faults, tallies: map[string]*tally{}}
	for _, f := range faults {
		s.tallies[f.name] = &tally{}
	}
	return s
}

// pass lets every fault happen once.
func (s *schedule) pass(t *testing.T) {
	s.deck = slices.Clone(s.faults)
	s.random.Shuffle(len(s.deck), func(i, j int) { s.deck[i], s.deck[j] = s.deck[j], s.deck[i] })
	for len(s.deck) > 0 && !t.Failed() && !s.crowd.lost.Load() {
		s.round(t, s.draw())
	}
}

// draw takes one fault from the deck, and mostly another one that hits something else.
func (s *schedule) draw() (chosen []fault) {
	chosen, s.deck = append(chosen, s.deck[0]), s.deck[1:]
	if chosen[0].alone || s.random.IntN(4) == 0 {
		return chosen
	}
	other := slices.IndexFunc(s.deck, func(f fault) bool { return !f.alone && f.on != chosen[0].on })
	if other >= 0 {
		chosen = append(chosen, s.deck[other])
		s.deck = slices.Delete(s.deck, other, other+1)
	}
	return chosen
}

// round lets faults happen at once, waits until every room goes on after all is healed,
// and takes a breath.
func (s *schedule) round(t *testing.T, chosen []fault) {
	speak := func() {}
	if chosen[0].alone {
		speak = s.calm(t)
	}
	var healings []healing
	for _, f := range chosen {
		healings = append(healings, s.strike(t, f))
	}
	speak()
	heal(healings)
	recovery := s.recovery(t)
	for _, f := range chosen {
		s.tallies[f.name].times++
		s.tallies[f.name].longest = max(s.tallies[f.name].longest, recovery)
	}
	<-time.After(time.Duration(s.random.Int64N(int64(time.Second))))
}

// calm returns when everybody is silent and has seen everything, and some time has passed.
func (s *schedule) calm(t *testing.T) (speak func()) {
	speak = s.crowd.hush()
	if err := s.crowd.caughtUp(mustSettle); err != nil {
		t.Error(err)
	}
	<-time.After(3 * time.Second)
	return speak
}

type healing struct {
	at   time.Time
	heal func()
}

func (s *schedule) strike(t *testing.T, f fault) healing {
	whom, heal := f.strike(s.random)
	lasts := f.lasts(s.random)
	t.Logf("%v %s (%s) for %v", time.Now().Format("15:04:05.000"), f.name, whom, lasts.Round(time.Millisecond))
	end := time.Now().Add(lasts)
	if !f.silenced {
		return healing{end, heal}
	}
	return healing{end, func() {
		defer s.crowd.hush()()
		heal()
		if err := s.crowd.caughtUp(mustHear); err != nil {
			t.Error("after the last word: ", err)
		}
	}}
}

// heal heals each when its time has come, and all at once should one fail.
func heal(healings []healing) {
	defer func() {
		for _, h := range healings {
			h.heal()
		}
	}()
	slices.SortFunc(healings, func(a, b healing) int { return a.at.Compare(b.at) })
	for len(healings) > 0 {
		next := healings[0]
		<-time.After(time.Until(next.at))
		healings = healings[1:]
		next.heal()
	}
}

// recovery waits for the next ack in each room and returns how long that took. The run
// ends when it takes too long, and is judged.
func (s *schedule) recovery(t *testing.T) time.Duration {
	healed := time.Now()
	for time.Since(healed) < mustRecover {
		if acked, ok := s.crowd.ackedAfter(healed); ok {
			return acked.Sub(healed)
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("a room has no ack for %v after all was healed", mustRecover)
	return mustRecover
}
