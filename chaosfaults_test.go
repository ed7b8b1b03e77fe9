package main

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// victim is a process that can be hit.
type victim struct {
	name                         string
	kill, restart, pause, resume func()
}

// fault is a thing that goes wrong. strike draws whom it hits from random and hits; it
// returns whom, how long it is to last, and what heals it. Two faults with the same on
// may hit the same, so they do not come together.
type fault struct {
	name   string
	on     string
	strike func(random *rand.Rand) (whom string, lasts time.Duration, heal func())
}

// Kinds of fault of a process, by name.
var processFaults = []struct {
	name  string
	most  time.Duration
	begin func(victim)
	heal  func(victim)
}{
	{"SIGKILL", 3 * time.Second, func(v victim) { v.kill() }, func(v victim) { v.restart() }},
	{"SIGSTOP", 10 * time.Second, func(v victim) { v.pause() }, func(v victim) { v.resume() }},
}

// Kinds of fault of a connection, by name. What one holds back arrives late when it
// heals, or is lost with its connection, as the dice say.
var linkFaults = []struct {
	name    string
	most    time.Duration
	weather weather
}{
	{"cut", 3 * time.Second, weather{refuse: true}},
	{"delay", 6 * time.Second, weather{delay: 150 * time.Millisecond}},
	{"black hole", 8 * time.Second, weather{holdAsks: true, holdAnswers: true}},
	{"no answers", 8 * time.Second, weather{holdAnswers: true}},
}

// lasting draws a time of at least half a second.
func lasting(random *rand.Rand, most time.Duration) time.Duration {
	const least = 500 * time.Millisecond
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// faultsOf lists what can befall one of a kind of processes.
func faultsOf(kind string, victims ...victim) (faults []fault) {
	for _, f := range processFaults {
		faults = append(faults, fault{f.name + " " + kind, kind, func(random *rand.Rand) (string, time.Duration, func()) {
			v := victims[random.IntN(len(victims))]
			f.begin(v)
			return v.name, lasting(random, f.most), func() { f.heal(v) }
		}})
	}
	return faults
}

// faultsBetween lists what can befall one of a kind of connections.
func faultsBetween(kind string, links ...*chaosProxy) (faults []fault) {
	for _, f := range linkFaults {
		faults = append(faults, fault{f.name + " " + kind, kind, func(random *rand.Rand) (string, time.Duration, func()) {
			p := links[random.IntN(len(links))]
			p.set(f.weather)
			late := random.IntN(2) == 0
			return p.name, lasting(random, f.most), func() {
				if !late && f.weather.delay == 0 {
					p.cut()
				}
				p.set(weather{})
			}
		}})
	}
	return faults
}

// pubSubLoss makes Redis end everybody's Pub/Sub connections, twice.
func pubSubLoss(t *testing.T, url string) fault {
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	kill := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = client.Do(ctx, "CLIENT", "KILL", "TYPE", "pubsub").Err() // a dead Redis has none
	}
	return fault{"CLIENT KILL TYPE pubsub", "redis", func(random *rand.Rand) (string, time.Duration, func()) {
		kill()
		return "pubsub", lasting(random, time.Second), kill
	}}
}

// deafness makes half of the live messages to a node vanish while its connection stands.
func deafness(links []*chaosProxy) fault {
	return fault{"lost Pub/Sub messages", "node–redis", func(random *rand.Rand) (string, time.Duration, func()) {
		p := links[random.IntN(len(links))]
		p.set(weather{losePushes: true})
		return p.name, lasting(random, 5*time.Second), func() { p.set(weather{}) }
	}}
}

// drained stops a node with SIGTERM, which it answers by sending its clients away, and
// starts it again.
func drained(t *testing.T, nodes []*process) fault {
	return fault{"SIGTERM node", "node", func(random *rand.Rand) (string, time.Duration, func()) {
		p := nodes[random.IntN(len(nodes))]
		p.stop(t)
		return p.name, lasting(random, time.Second), func() { p.restart(t) }
	}}
}
