package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
	"confab/projector/mongodb"
	"confab/web/client"
)

// Redis goes back while the projector is away, so that neither it nor the archive has the
// newest messages. The nodes that have delivered them put them back, before a node that
// knows nothing of them can go on: nothing acked is lost, no seq is issued twice.
func TestCluster_putsBackWhatOnlyItsNodesHold(t *testing.T) {
	for name, goBack := range map[string]func(t *testing.T, c *cluster, earlier string){
		"emptied": func(t *testing.T, c *cluster, _ string) {
			r := redis.NewClient(&redis.Options{Addr: c.redis.Addr})
			defer r.Close()
			if err := r.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		},
		// As when a replica is promoted that lacks the tail: a server with an earlier state.
		"as it was earlier": func(t *testing.T, c *cluster, earlier string) {
			c.redis.Kill()
			if err := os.RemoveAll(filepath.Join(c.redis.Dir, "appendonlydir")); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(c.redis.Dir, os.DirFS(earlier)); err != nil {
				t.Fatal(err)
			}
			c.redis.Restart()
		},
	} {
		t.Run(name, func(t *testing.T) { putsBack(t, goBack) })
	}
}

func putsBack(t *testing.T, goBack func(t *testing.T, c *cluster, earlier string)) {
	c := newCluster(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	knowing, other := "http://"+c.nodes[0].addr, "http://"+c.nodes[1].addr
	session, err := client.Guest(ctx, knowing, "ada")
	if err != nil {
		t.Fatal(err)
	}
	ada := api{base: knowing, token: session.Token}
	ada2 := api{base: other, token: ada.token}
	room := ada.makeRoom(t, "weather")
	var want []string
	say := func(a api, n int) {
		t.Helper()
		body := fmt.Sprint("message ", n)
		eventually(t, 20*time.Second, body, func() error { // a new server is not trusted at once
			seq, err := a.post(room, fmt.Sprint("key-", n), body)
			if err == nil && seq != uint64(n) {
				t.Fatalf("message %d got seq %d", n, seq)
			}
			return err
		})
		want = append(want, body)
	}
	listener, err := client.Dial(ctx, session, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	sub := listener.Subscribe(domain.RoomID(room), domain.Cursor{})
	heard := func(to uint64) {
		t.Helper()
		for seq := uint64(0); seq != to; {
			e, err := sub.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			seq = e.Seq
		}
	}

	say(ada, 2)
	say(ada2, 3)
	c.projector.stop(t)
	earlier := t.TempDir()
	if err := os.CopyFS(earlier, os.DirFS(c.redis.Dir)); err != nil {
		t.Fatal(err)
	}
	for n := 4; n <= 60; n++ {
		say(ada, n) // the other node has seen no more than 3
	}
	heard(60)
	goBack(t, c, earlier)
	say(ada2, 61)
	if seq, err := ada2.post(room, "key-33", "message 33"); err != nil || seq != 33 {
		t.Errorf("message 33 again has seq %d, %v", seq, err)
	}
	say(ada, 62)
	heard(62)
	c.projector.restart(t)
	eventually(t, 30*time.Second, "history is complete", func() error {
		got, err := ada.bodies(room)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("history is %q", got)
		}
		return err
	})
}

// A node is stopped while it alone holds the newest events, Redis is emptied, and the
// other node goes on without it. What it then says cannot be put back any more: the room's
// epoch changes, and who saw the other history hears of it, connected or away.
func TestCluster_aForkBeginsANewEpoch(t *testing.T) {
	c := newCluster(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	late, other := c.nodes[0], "http://"+c.nodes[1].addr
	session, err := client.Guest(ctx, "http://"+late.addr, "ada")
	if err != nil {
		t.Fatal(err)
	}
	ada, ada2 := api{base: session.Server, token: session.Token}, api{base: other, token: session.Token}
	room := ada.makeRoom(t, "weather")
	say := func(a api, seq uint64, body string) {
		t.Helper()
		eventually(t, 15*time.Second, body, func() error { // an emptied Redis is not trusted at once
			got, err := a.post(room, body, body)
			if err == nil && got != seq {
				t.Fatalf("%s got seq %d", body, got)
			}
			return err
		})
	}
	follow := func(server string, from domain.Cursor) *client.Subscription {
		t.Helper()
		s := *session
		s.Server = server
		follower, err := client.Dial(ctx, &s, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(follower.Close)
		return follower.Subscribe(domain.RoomID(room), from)
	}
	hears := func(sub *client.Subscription, seq uint64, body string) {
		t.Helper()
		for {
			e, err := sub.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if e.Seq == seq {
				if e.Body != body {
					t.Fatalf("event %d is %q, want %q", seq, e.Body, body)
				}
				return
			}
		}
	}
	isReset := func(sub *client.Subscription) (epoch string) {
		t.Helper()
		for {
			_, err := sub.Next(ctx)
			if reset, ok := errors.AsType[*client.ResetError](err); ok {
				return reset.Epoch
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}

	say(ada, 2, "known to all")
	store, err := mongodb.Open(ctx, c.mongo.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	eventually(t, 30*time.Second, "it is archived", func() error {
		head, err := store.Head(ctx, domain.RoomID(room))
		if err == nil && head < 2 {
			err = fmt.Errorf("the archive's head is %d", head)
		}
		return err
	})
	c.projector.stop(t)
	faithful := follow("http://"+late.addr, domain.Cursor{})
	say(ada, 3, "known to one")
	say(ada, 4, "known to one as well")
	hears(faithful, 4, "known to one as well")
	first := domain.Cursor{After: 4, Epoch: faithful.Epoch()}
	stopped := victimsOf(t, []*process{late})[0]
	stopped.pause()
	r := redis.NewClient(&redis.Options{Addr: c.redis.Addr})
	defer r.Close()
	if err := r.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	say(ada2, 3, "in its place")
	say(ada2, 4, "as well")
	say(ada2, 5, "and on")
	moved := follow(other, first) // nobody can know yet that it saw another event 4
	hears(moved, 5, "and on")
	stopped.resume()

	epoch := isReset(faithful)
	if epoch == first.Epoch {
		t.Error("the epoch is the same")
	}
	for name, sub := range map[string]*client.Subscription{"moved": moved, "away": follow(other, first)} {
		if got := isReset(sub); got != epoch {
			t.Errorf("%s: epoch %s, want %s", name, got, epoch)
		}
	}
	again := follow(other, domain.Cursor{After: 6, Epoch: epoch})
	c.projector.restart(t)
	say(ada, 7, "all together")
	hears(again, 7, "all together")
	eventually(t, 30*time.Second, "history is complete", func() error {
		got, err := ada.bodies(room)
		if want := []string{"known to all", "in its place", "as well", "and on", "all together"}; err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("history is %q", got)
		}
		return err
	})
}
