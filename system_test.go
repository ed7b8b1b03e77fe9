package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"confab/projector/mongodb"
	"confab/projector/sqlite"
)

// 200 clients in 20 rooms send 20,000 messages through 4 nodes behind NGINX.
func TestCluster_everybodySeesEverythingOnce(t *testing.T) {
	c := newCluster(t, 4)
	servers := []string{c.nginx.URL}
	crowd := load{servers: servers, rooms: 20, clients: 200, messages: 20_000}.gather(t)
	crowd.chat(t, 5*time.Minute, nil)
	for _, room := range []int{0, 7, 19} {
		crowd.checkREST(t, room)
	}
	store, err := mongodb.Open(t.Context(), c.mongo.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	crowd.check(t, store)
}

// Every node is told to stop and started again, one after the other, under load, and
// NGINX reloads: clients see reconnects and nothing else.
func TestCluster_rollingRestart(t *testing.T) {
	c := newCluster(t, 3, "CONFAB_DRAIN=5s")
	crowd := load{servers: []string{c.nginx.URL}, rooms: 5, clients: 50, messages: 6000}.gather(t)
	crowd.chat(t, 5*time.Minute, func(acked func() int) {
		for i, n := range c.nodes {
			eventually(t, time.Minute, "the load goes on", func() error {
				if acked() < 1000*(i+1) {
					return fmt.Errorf("%d messages are acked", acked())
				}
				return nil
			})
			n.stop(t)
			n.restart(t)
			n.ready(t)
			c.nginx.Reload()
		}
	})
	crowd.checkREST(t, 0)
	store, err := mongodb.Open(t.Context(), c.mongo.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	crowd.check(t, store)
}

// The crowd of 200 in the embedded mode, with a SIGKILL and a restart in the middle.
func TestEmbedded_everybodySeesEverythingOnceThroughAKill(t *testing.T) {
	data := t.TempDir()
	p := startConfab(t, "embedded", "CONFAB_DATA="+data, "CONFAB_LIMITS=off").ready(t)
	const messages = 20_000
	crowd := load{servers: []string{"http://" + p.addr}, rooms: 20, clients: 200, messages: messages}.gather(t)
	crowd.chat(t, 5*time.Minute, func(acked func() int) {
		eventually(t, 3*time.Minute, "half of the messages are acked", func() error {
			if n := acked(); n < messages/2 {
				return fmt.Errorf("only %d are", n)
			}
			return nil
		})
		p.kill(t)
		p.restart(t)
	})
	for _, room := range []int{0, 7, 19} {
		crowd.checkREST(t, room)
	}
	p.stop(t)
	check := func() {
		store, err := sqlite.Open(t.Context(), filepath.Join(data, "confab.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		crowd.check(t, store)
	}
	check()
	if _, err := runWith(t, []string{"CONFAB_DATA=" + data}, "rebuild"); err != nil {
		t.Fatal(err)
	}
	check() // the views came out equal
}
