package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
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
	// openStore opens what the projector writes, past everything that can go wrong. It
	// may end the server.
	openStore func(*testing.T) domain.Store
}

// A line that is dead must be noticed within the time that a fault lasts.
const chaosPing = "CONFAB_PING=2s"

// chaosCluster is compose.yaml's topology with a proxy between any two processes:
//
//	clients ⇢ nginx ⇢ 3 nodes ⇢ redis, mongo
//	                  projector ⇢ redis, mongo
func chaosCluster(t *testing.T, random *rand.Rand) chaosWorld {
	redis, mongo := domaintest.StartRedis(t), mongotest.Start(t)
	mongoAddr := strings.TrimSuffix(strings.TrimPrefix(mongo.URI, "mongodb://"), "/confab")
	links := map[string][]*chaosProxy{}
	link := func(kind, from, to, target string) string {
		p := startChaosProxy(t, from+"–"+to, target, rand.New(rand.NewPCG(random.Uint64(), 0)))
		links[kind] = append(links[kind], p)
		return p.addr
	}
	start := func(kind, name string) *process {
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
	projector := start("projector", "projector")
	var nodes []*process
	var addrs []string
	for i := range 3 {
		n := start("node", fmt.Sprintf("node%d", i+1))
		nodes = append(nodes, n)
		addrs = append(addrs, link("nginx–node", "nginx", n.name, n.addr))
	}
	for _, p := range append(nodes, projector) {
		p.ready(t)
	}
	nginx := nginxtest.Start(t, addrs...)
	server := "http://" + link("client–nginx", "client", "nginx", nginx.Addr)

	faults := faultsOf("redis", victim{"redis", redis.Kill, redis.Restart, redis.Pause, redis.Resume})
	faults = append(faults, faultsOf("mongo", victim{"mongo", mongo.Kill, mongo.Restart, mongo.Pause, mongo.Resume})...)
	faults = append(faults, faultsOf("nginx", victim{"nginx", nginx.Kill, nginx.Restart, nginx.Pause, nginx.Resume})...)
	faults = append(faults, faultsOf("projector", victimOf(t, projector))...)
	faults = append(faults, faultsOf("node", victimOf(t, nodes[0]), victimOf(t, nodes[1]), victimOf(t, nodes[2]))...)
	for _, kind := range []string{"node–redis", "projector–redis", "node–mongo", "projector–mongo", "nginx–node", "client–nginx"} {
		faults = append(faults, faultsBetween(kind, links[kind]...)...)
	}
	faults = append(faults, pubSubLoss(t, redis.URL), deafness(links["node–redis"]), drained(t, nodes))
	return chaosWorld{server: server, faults: faults, openStore: func(t *testing.T) domain.Store {
		store, err := mongodb.Open(t.Context(), mongo.URI)
		if err != nil {
			t.Fatal(err)
		}
		return store
	}}
}

// chaosEmbedded is the embedded mode, a proxy before it.
func chaosEmbedded(t *testing.T, random *rand.Rand) chaosWorld {
	data := t.TempDir()
	p := startConfab(t, "embedded", chaosPing, "CONFAB_DATA="+data, "CONFAB_LIMITS=off", "CONFAB_DRAIN=2s").ready(t)
	link := startChaosProxy(t, "client–embedded", p.addr, rand.New(rand.NewPCG(random.Uint64(), 0)))
	faults := append(faultsOf("embedded", victimOf(t, p)), faultsBetween("client–embedded", link)...)
	return chaosWorld{server: "http://" + link.addr, faults: faults, openStore: func(t *testing.T) domain.Store {
		p.stop(t)
		store, err := sqlite.Open(t.Context(), filepath.Join(data, "confab.db"))
		if err != nil {
			t.Fatal(err)
		}
		return store
	}}
}

func victimOf(t *testing.T, p *process) victim {
	signal := func(s syscall.Signal) func() {
		return func() {
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Errorf("signal %v to %s: %v", s, p.name, err)
			}
		}
	}
	return victim{
		name: p.name,
		kill: func() { p.kill(t) }, restart: func() { p.restart(t) },
		pause: signal(syscall.SIGSTOP), resume: signal(syscall.SIGCONT),
	}
}
