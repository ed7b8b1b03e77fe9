package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
	"confab/web/client"
)

// Redis is emptied while the projector is away, so that neither it nor the archive has
// the newest messages. The nodes that have delivered them put them back, before a node
// that knows nothing of them can go on: nothing acked is lost, no seq is issued twice.
func TestCluster_putsBackWhatOnlyItsNodesHold(t *testing.T) {
	c := newCluster(t, 2)
	knowing, other := "http://"+c.nodes[0].addr, "http://"+c.nodes[1].addr
	session, err := client.Guest(t.Context(), knowing, "ada")
	if err != nil {
		t.Fatal(err)
	}
	ada := api{base: knowing, token: session.Token}
	room := ada.makeRoom(t, "weather")
	var want []string
	say := func(a api, n int) {
		t.Helper()
		body := fmt.Sprint("message ", n)
		seq, err := a.post(room, fmt.Sprint("key-", n), body)
		if err != nil || seq != uint64(n) {
			t.Fatalf("message %d got seq %d, %v", n, seq, err)
		}
		want = append(want, body)
	}
	listener, err := client.Dial(t.Context(), session, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	sub := listener.Subscribe(domain.RoomID(room), domain.Cursor{})
	heard := func(to uint64) {
		t.Helper()
		for seq := uint64(0); seq != to; {
			e, err := sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			seq = e.Seq
		}
	}

	ada2 := api{base: other, token: ada.token}
	say(ada, 2)
	say(ada2, 3)
	c.projector.stop(t)
	for n := 4; n <= 60; n++ {
		say(ada, n) // the other node has seen no more than 3
	}
	heard(60)
	r := redis.NewClient(&redis.Options{Addr: c.redis.Addr})
	defer r.Close()
	if err := r.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
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
