package main

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain/domaintest"
	"confab/nginx/nginxtest"
)

// victim is a process that can be hit.
type victim struct {
	name                         string
	kill, restart, pause, resume func()
}

// fault is a thing that goes wrong for a time between least and most. strike draws whom
// it hits from random and hits; it returns whom, and what heals it.
type fault struct {
	name        string
	on          string // two faults with the same may hit the same, so they do not come together
	least, most time.Duration
	alone       bool // comes when all is well and everybody has seen everything, and nothing with it
	silenced    bool // ends in silence: no later message helps anybody to notice what is missing
	strike      func(random *rand.Rand) (whom string, heal func())
}

// lasts draws how long the fault lasts.
func (f fault) lasts(random *rand.Rand) time.Duration {
	least := max(f.least, 500*time.Millisecond)
	if f.most <= least {
		return least
	}
	return least + time.Duration(random.Int64N(int64(f.most-least)))
}

// Kinds of fault of a process.
var processFaults = []struct {
	name        string
	least, most time.Duration
	begin, heal func(victim)
}{
	{"SIGKILL", 0, 3 * time.Second, func(v victim) { v.kill() }, func(v victim) { v.restart() }},
	{"SIGSTOP", 10 * time.Second, 10 * time.Second, func(v victim) { v.pause() }, func(v victim) { v.resume() }},
}

// Kinds of fault of a connection. What one holds back arrives late when it heals, or is
// lost with its connection, as the dice say.
var linkFaults = []struct {
	name    string
	most    time.Duration
	weather weather
}{
	{"cut", 3 * time.Second, weather{refuse: true}},
	{"delay", 4 * time.Second, weather{delay: 150 * time.Millisecond}},
	{"black hole", 8 * time.Second, weather{holdAsks: true, holdAnswers: true}},
	{"no answers", 8 * time.Second, weather{holdAnswers: true}},
}

// faultsOf lists what can befall one of a kind of processes.
func faultsOf(kind string, victims ...victim) (faults []fault) {
	for _, f := range processFaults {
		faults = append(faults, fault{name: f.name + " " + kind, on: kind, least: f.least, most: f.most,
			strike: func(random *rand.Rand) (string, func()) {
				v := victims[random.IntN(len(victims))]
				f.begin(v)
				return v.name, func() { f.heal(v) }
			}})
	}
	return faults
}

// faultsBetween lists what can befall one of a kind of connections.
func faultsBetween(kind string, links ...*chaosProxy) (faults []fault) {
	for _, f := range linkFaults {
		faults = append(faults, fault{name: f.name + " " + kind, on: kind, most: f.most,
			strike: func(random *rand.Rand) (string, func()) {
				p := links[random.IntN(len(links))]
				p.set(f.weather)
				late := random.IntN(2) == 0
				return p.name, func() {
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
func pubSubLoss(do redisCommand) fault {
	kill := func() { _ = do("CLIENT", "KILL", "TYPE", "pubsub") } // a dead Redis has none
	return fault{name: "CLIENT KILL TYPE pubsub", on: "redis", most: time.Second,
		strike: func(*rand.Rand) (string, func()) {
			kill()
			return "pubsub", kill
		}}
}

// deafness makes half of the live messages vanish while the connections stand: to one
// node, and to all of them up to the last word that is said.
func deafness(links []*chaosProxy) []fault {
	set := func(deaf []*chaosProxy, w weather) {
		for _, p := range deaf {
			p.set(w)
		}
	}
	strike := func(deaf []*chaosProxy) func() {
		set(deaf, weather{losePushes: true})
		return func() { set(deaf, weather{}) }
	}
	return []fault{
		{name: "lost Pub/Sub messages", on: "node–redis", least: 2 * time.Second, most: 5 * time.Second,
			strike: func(random *rand.Rand) (string, func()) {
				n := random.IntN(len(links))
				return links[n].name, strike(links[n : n+1])
			}},
		{name: "lost last Pub/Sub messages", on: "node–redis", least: 2 * time.Second, most: 3 * time.Second, alone: true, silenced: true,
			strike: func(*rand.Rand) (string, func()) { return "all nodes", strike(links) }},
	}
}

// drained stops a process with SIGTERM, which a node answers by sending its clients
// away, and starts it again.
func drained(t *testing.T, kind string, processes []*process) fault {
	return fault{name: "SIGTERM " + kind, on: kind, most: time.Second,
		strike: func(random *rand.Rand) (string, func()) {
			p := processes[random.IntN(len(processes))]
			p.stop(t)
			return p.name, func() { p.restart(t) }
		}}
}

// reloaded makes nginx read its configuration again, twice.
func reloaded(nginx *nginxtest.Nginx) fault {
	return fault{name: "reload nginx", on: "nginx", most: time.Second,
		strike: func(*rand.Rand) (string, func()) {
			nginx.Reload()
			return "nginx", nginx.Reload
		}}
}

// lostData lists the ways in which Redis loses everything. What was acked is then put
// back from what the nodes remember and the archive holds, which is why these come
// alone: one that dies together with Redis cannot help.
func lostData(t *testing.T, server *domaintest.Redis, dir string, do redisCommand) []fault {
	return []fault{
		{name: "FLUSHALL", on: "redis", alone: true, strike: func(*rand.Rand) (string, func()) {
			if err := do("FLUSHALL"); err != nil {
				t.Errorf("FLUSHALL: %v", err)
			}
			return "redis", func() {}
		}},
		{name: "lost append-only file", on: "redis", most: 2 * time.Second, alone: true, strike: func(*rand.Rand) (string, func()) {
			server.Kill()
			if err := os.RemoveAll(filepath.Join(dir, "appendonlydir")); err != nil {
				t.Errorf("lose the append-only file: %v", err)
			}
			return "redis", server.Restart
		}},
	}
}

// redisCommand talks to Redis past the proxies.
type redisCommand func(args ...any) error

func redisCommands(t *testing.T, server *domaintest.Redis) redisCommand {
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { client.Close() })
	return func(args ...any) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return client.Do(ctx, args...).Err()
	}
}
