package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/mongodb"
	"confab/projector/mongodb/mongotest"
	"confab/web/client"
)

// The projector's faults, as processes: what its own tests show on a fake store.

var mongoAway = flag.Duration("mongo.away", 5*time.Second, "how long the store is away")

const takeoverPartitions = 4

// projectors is a node and two projectors, which reach the store through a proxy.
type projectors struct {
	redis *domaintest.Redis
	mongo *mongotest.Process
	way   *chaosProxy // from the projectors to the store
	node  *process
	both  []*process
}

func newProjectors(t *testing.T, window int) *projectors {
	w := &projectors{redis: domaintest.StartRedis(t), mongo: mongotest.Start(t)}
	addr := strings.TrimSuffix(strings.TrimPrefix(w.mongo.URI, "mongodb://"), "/confab")
	w.way = startChaosProxy(t, "projectors–mongo", addr, rand.New(rand.NewPCG(1, 0)))
	env := []string{
		"CONFAB_REDIS_URL=" + w.redis.URL,
		"CONFAB_GUESTS=on",
		"CONFAB_LIMITS=off",
		fmt.Sprint("CONFAB_PARTITIONS=", takeoverPartitions),
		fmt.Sprint("CONFAB_HOT_WINDOW=", window),
		"CONFAB_DATA=" + filepath.Join(t.TempDir(), "unused"),
	}
	for i := range 2 {
		w.both = append(w.both, startConfab(t, fmt.Sprint("projector", i+1), append(env, "CONFAB_ROLES=projector", "CONFAB_MONGO_URI=mongodb://"+w.way.addr+"/confab")...))
	}
	w.node = startConfab(t, "node", append(env, "CONFAB_ROLES=node", "CONFAB_MONGO_URI="+w.mongo.URI)...)
	for _, p := range append(w.both, w.node) {
		p.ready(t)
	}
	return w
}

// hasAll waits until a projector has all partitions.
func (w *projectors) hasAll(t *testing.T, p *process) {
	t.Helper()
	eventually(t, 30*time.Second, p.name+" has all partitions", func() error {
		if n := p.metric(t, "confab_projector_owned_partitions"); n < takeoverPartitions {
			return fmt.Errorf("it has %v", n)
		}
		return nil
	})
}

func (w *projectors) store(t *testing.T) domain.Store {
	t.Helper()
	store, err := mongodb.Open(t.Context(), w.mongo.URI)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func (w *projectors) client(t *testing.T) *redis.Client {
	r := redis.NewClient(&redis.Options{Addr: w.redis.Addr})
	t.Cleanup(func() { r.Close() })
	return r
}

// The owner of the partitions is killed in the middle of a batch, again and again, under
// load; the store is slow, so that it always is in the middle of one. The other takes
// over, and in the end everything acked is archived once.
func TestProjectors_ownersAreKilledInTheMiddleOfBatches(t *testing.T) {
	w := newProjectors(t, 100)
	w.way.set(weather{delay: 40 * time.Millisecond})
	r := w.client(t)
	crowd := load{servers: []string{"http://" + w.node.addr}, rooms: 4, clients: 12, messages: 1800}.gather(t)
	crowd.chat(t, 3*time.Minute, func(acked func() int) {
		for kill := range 3 {
			eventually(t, time.Minute, "the load goes on", func() error {
				if acked() < 400*(kill+1) {
					return fmt.Errorf("%d messages are acked", acked())
				}
				return nil
			})
			victim, other := w.both[kill%2], w.both[1-kill%2]
			if kill > 0 { // at first they may have shared them out
				w.hasAll(t, victim)
			}
			eventually(t, 30*time.Second, "a batch is in work", func() error {
				if n := w.unacked(t.Context(), r); n == 0 {
					return fmt.Errorf("nothing is pending")
				}
				return nil
			})
			victim.kill(t)
			died, inWork := time.Now(), w.unacked(t.Context(), r)
			for part := range domain.Partition(takeoverPartitions) {
				// The dead's leases run out within this; the other asks every half second.
				if left := r.PTTL(t.Context(), part.Lease()).Val(); left > 4*time.Second {
					t.Errorf("the lease of partition %d lasts %v more", part, left)
				}
			}
			w.hasAll(t, other)
			t.Logf("killed with %d entries in work; the other had all partitions after %v", inWork, time.Since(died).Round(10*time.Millisecond))
			victim.restart(t)
			victim.ready(t)
		}
	})
	w.way.set(weather{})
	crowd.check(t, w.store(t))
}

// unacked counts the entries that were read and are not acked.
func (w *projectors) unacked(ctx context.Context, r *redis.Client) (n int64) {
	for part := range domain.Partition(takeoverPartitions) {
		if p, err := r.XPending(ctx, part.Log(), "projector").Result(); err == nil {
			n += p.Count
		}
	}
	return n
}

// The store stops answering while people chat. All that it lacks stays in the log and in
// the room's stream, although the window is much smaller; then it is caught up with.
func TestProjectors_storeAwayUnderLoad(t *testing.T) {
	const window = 20
	w := newProjectors(t, window)
	r := w.client(t)
	server := "http://" + w.node.addr
	session, err := client.Guest(t.Context(), server, "ada")
	if err != nil {
		t.Fatal(err)
	}
	room, err := session.CreateRoom(t.Context(), "weather", domain.Public)
	if err != nil {
		t.Fatal(err)
	}
	ada, err := client.Dial(t.Context(), session, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ada.Close()
	keys := map[string]uint64{}
	say := func(ctx context.Context) error {
		key := client.NewKey()
		ack, err := ada.Send(ctx, room.ID, key, "hello")
		if err == nil {
			keys[key] = ack.Seq
		}
		return err
	}
	for range window { // not beyond it: else a send would have to ask the store for its key
		if err := say(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	store := w.store(t)
	head := uint64(window + 1)
	archivedTo := func(seq uint64) func() error {
		return func() error {
			if at, err := store.Applied(t.Context(), room.ID); err != nil || at < seq {
				return fmt.Errorf("archived to %d of %d: %w", at, seq, err)
			}
			return nil
		}
	}
	eventually(t, 30*time.Second, "the room is archived", archivedTo(head))

	w.mongo.Pause()
	part := domain.PartitionOf(room.ID, takeoverPartitions)
	said := 0
	for end := time.Now().Add(*mongoAway); time.Now().Before(end); said++ {
		if err := say(t.Context()); err != nil {
			t.Fatalf("message %d without the store: %v", said, err)
		}
		if said >= 1000 {
			<-time.After(10 * time.Millisecond) // enough for a log; the time is what is tested
		}
	}
	head += uint64(said)
	backlog, kept := r.XLen(t.Context(), part.Log()).Val(), r.XLen(t.Context(), part.Room(room.ID)).Val()
	t.Logf("the store was away for %v: %d messages acked, %d entries in the log, %d in the room's stream", *mongoAway, said, backlog, kept)
	if backlog < int64(said) || kept < int64(said) {
		t.Errorf("of %d messages that are not archived, the log has %d and the room's stream %d", said, backlog, kept)
	}
	w.mongo.Resume()
	start := time.Now()
	eventually(t, 2*time.Minute, "the store has caught up", archivedTo(head))
	t.Logf("caught up in %v", time.Since(start).Round(10*time.Millisecond))
	eventually(t, 30*time.Second, "only then it is trimmed", func() error {
		if n, log := r.XLen(t.Context(), part.Room(room.ID)).Val(), r.XLen(t.Context(), part.Log()).Val(); n > 2*window || log > 1 {
			return fmt.Errorf("%d entries in the room's stream, %d in the log", n, log)
		}
		return nil
	})
	records, err := store.Range(t.Context(), room.ID, 0, int(head)+1)
	if err != nil || len(records) != int(head) {
		t.Fatalf("%d events archived of %d: %v", len(records), head, err)
	}
	for i, rec := range records {
		e, err := rec.Event()
		if err != nil || e.Seq != uint64(i)+1 || e.Kind == domain.MessagePosted && keys[e.Key] != e.Seq {
			t.Errorf("event %d is %+v, %v", i+1, e, err)
		}
	}
}
