package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/nginx/nginxtest"
	"confab/projector/mongodb"
	"confab/projector/mongodb/mongotest"
	"confab/projector/sqlite"
)

// chaosWorld is a running Confab with what can go wrong in it.
type chaosWorld struct {
	server string // http://host:port, for clients
	faults []fault
	// missing names what this machine does not let us inject, and why.
	missing map[string]string
	// openStore opens what the projector writes, past everything that can go wrong. It
	// may end the server.
	openStore func(*testing.T) domain.Store
}

// A line that is dead must be noticed within the time that a fault lasts.
const chaosPing = "CONFAB_PING=2s"

func (w *chaosWorld) add(faults ...fault) { w.faults = append(w.faults, faults...) }

// addIf adds the faults that something made possible, or says loudly why it did not.
func (w *chaosWorld) addIf(err error, faults ...fault) {
	for _, f := range faults {
		if err == nil {
			w.add(f)
		} else {
			w.missing[f.name] = err.Error()
		}
	}
}

// chaosCluster is compose.yaml's topology with a proxy between any two processes, and
// a second projector:
//
//	clients ⇢ nginx ⇢ 3 nodes ⇢ redis, mongo
//	             2 projectors ⇢ redis, mongo
func chaosCluster(t *testing.T, random *rand.Rand) chaosWorld {
	w := chaosWorld{missing: map[string]string{}}
	disk, noDisk := mountDisk(t)
	redis, mongo := domaintest.StartRedis(t, "--dir", disk.dir, "--auto-aof-rewrite-min-size", "16mb"), mongotest.Start(t)
	clock, noClock := makeClock(t)
	if noClock == nil {
		redis.Env = clock.env()
		redis.Restart()
	}
	mongoAddr := strings.TrimSuffix(strings.TrimPrefix(mongo.URI, "mongodb://"), "/confab")
	links := map[string][]*chaosProxy{}
	link := func(kind, from, to, target string) string {
		p := startChaosProxy(t, from+"–"+to, target, rand.New(rand.NewPCG(random.Uint64(), 0)))
		links[kind] = append(links[kind], p)
		return p.addr
	}
	start := func(kind string, n int) *process {
		name := fmt.Sprintf("%s%d", kind, n)
		return startConfab(t, name, chaosPing,
			"CONFAB_REDIS_URL=redis://"+link(kind+"–redis", name, "redis", redis.Addr),
			"CONFAB_MONGO_URI=mongodb://"+link(kind+"–mongo", name, "mongo", mongoAddr)+"/confab",
			"CONFAB_ROLES="+kind,
			"CONFAB_GUESTS=on",
			"CONFAB_LIMITS=off",
			"CONFAB_DRAIN=2s",
			"CONFAB_HOT_WINDOW=100", // so that resumes cross into the archive
			"CONFAB_TRUSTED_PROXIES=127.0.0.0/8",
			"CONFAB_DATA="+filepath.Join(t.TempDir(), "unused"))
	}
	projectors := []*process{start("projector", 1), start("projector", 2)}
	var nodes []*process
	var addrs []string
	for i := range 3 {
		n := start("node", i+1)
		nodes = append(nodes, n)
		addrs = append(addrs, link("nginx–node", "nginx", n.name, n.addr))
	}
	for _, p := range slices.Concat(nodes, projectors) {
		p.ready(t)
	}
	nginx := nginxtest.Start(t, addrs...)
	if noClock == nil {
		nginx.Env = clock.env()
		nginx.Restart()
	}
	w.server = "http://" + link("client–nginx", "client", "nginx", nginx.Addr)

	w.add(faultsOf("redis", victim{"redis", redis.Kill, redis.Restart, redis.Pause, redis.Resume})...)
	w.add(faultsOf("mongo", victim{"mongo", mongo.Kill, mongo.Restart, mongo.Pause, mongo.Resume})...)
	w.add(faultsOf("nginx", victim{"nginx", nginx.Kill, nginx.Restart, nginx.Pause, nginx.Resume})...)
	w.add(faultsOf("projector", victimsOf(t, projectors)...)...)
	w.add(faultsOf("node", victimsOf(t, nodes)...)...)
	w.add(drained(t, "projector", projectors), drained(t, "node", nodes), reloaded(nginx))
	for _, kind := range []string{"node–redis", "projector–redis", "node–mongo", "projector–mongo", "nginx–node", "client–nginx"} {
		w.add(faultsBetween(kind, links[kind]...)...)
	}
	do := redisCommands(t, redis)
	w.add(pubSubLoss(do))
	w.add(deafness(links["node–redis"])...)
	w.add(lostData(t, redis, disk.dir, do)...)
	w.addIf(noDisk, redisDiskFull(t, redis, disk))
	w.addIf(noClock, clockJump(t, "redis", clock), clockJump(t, "nginx", clock))
	w.openStore = func(t *testing.T) domain.Store {
		store, err := mongodb.Open(t.Context(), mongo.URI)
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	return w
}

// chaosEmbedded is the embedded mode, a proxy before it.
func chaosEmbedded(t *testing.T, random *rand.Rand) chaosWorld {
	disk, noDisk := mountDisk(t)
	p := startConfab(t, "embedded", chaosPing, "CONFAB_DATA="+disk.dir, "CONFAB_LIMITS=off", "CONFAB_DRAIN=2s").ready(t)
	link := startChaosProxy(t, "client–embedded", p.addr, rand.New(rand.NewPCG(random.Uint64(), 0)))
	w := chaosWorld{server: "http://" + link.addr, missing: map[string]string{}}
	w.add(faultsOf("embedded", victimsOf(t, []*process{p})...)...)
	w.add(faultsBetween("client–embedded", link)...)
	path := filepath.Join(disk.dir, "confab.db")
	w.addIf(noDisk, storeDiskFull(t, p, path, disk))
	w.openStore = func(t *testing.T) domain.Store {
		p.stop(t)
		store, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	return w
}

func victimsOf(t *testing.T, processes []*process) (victims []victim) {
	for _, p := range processes {
		signal := func(s syscall.Signal) func() {
			return func() {
				if err := p.cmd.Process.Signal(s); err != nil {
					t.Errorf("signal %v to %s: %v", s, p.name, err)
				}
			}
		}
		victims = append(victims, victim{
			name: p.name,
			kill: func() { p.kill(t) }, restart: func() { p.restart(t) },
			pause: signal(syscall.SIGSTOP), resume: signal(syscall.SIGCONT),
		})
	}
	return victims
}
