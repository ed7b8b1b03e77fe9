package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/mongodb/mongotest"
)

// unavailable checks that a call failed with code unavailable.
func unavailable(err error) error {
	var e *apiError
	if errors.As(err, &e) && e.Code == "unavailable" && e.Status == http.StatusServiceUnavailable {
		return nil
	}
	return fmt.Errorf("want 503 unavailable: %w", cmp.Or(err, errors.New("it went well")))
}

// notReady checks that /readyz says that component is in the way, and /healthz that
// the process is alive.
func notReady(p *process, component string) error {
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		resp, err := http.Get("http://" + p.addr + path)
		if err != nil {
			return err
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			return fmt.Errorf("%s: %s", path, resp.Status)
		}
		if path == "/readyz" && !strings.Contains(string(body), `"`+component+`"`) {
			return fmt.Errorf("/readyz does not name %s: %s", component, body)
		}
	}
	return nil
}

func TestServer_waitsForItsBackends(t *testing.T) {
	redis, mongo := domaintest.StartRedis(t), mongotest.Start(t)
	redis.Kill()
	mongo.Kill()
	p := startConfab(t, "early", "CONFAB_REDIS_URL="+redis.URL, "CONFAB_MONGO_URI="+mongo.URI, "CONFAB_GUESTS=on")
	eventually(t, 10*time.Second, "it says that redis is missing", func() error { return notReady(p, "redis") })
	if err := unavailable((api{base: "http://" + p.addr}).call("GET", "/rooms", nil, nil)); err != nil {
		t.Error(err)
	}
	redis.Restart()
	eventually(t, 15*time.Second, "it says that the store is missing", func() error { return notReady(p, "store") })
	mongo.Restart()
	p.ready(t)
	ada := guest(t, "http://"+p.addr, "ada")
	if _, err := ada.post(ada.makeRoom(t, "early"), "k", "hello"); err != nil {
		t.Error(err)
	}
}

func TestServer_refusesAnotherNumberOfPartitions(t *testing.T) {
	redis := domaintest.StartRedis(t)
	env := []string{"CONFAB_REDIS_URL=" + redis.URL, "CONFAB_DATA=" + t.TempDir()}
	p := startConfab(t, "first", env...).ready(t)
	p.stop(t)
	_, err := runWith(t, append(env, "CONFAB_ADDR=127.0.0.1:0", "CONFAB_PARTITIONS=8"))
	if err == nil || !strings.Contains(err.Error(), "start with CONFAB_PARTITIONS=16") {
		t.Errorf("got %v", err)
	}
}

// Two processes, each with a store of its own, would divide the history of every room.
func TestServer_refusesTheRedisOfAnotherHistory(t *testing.T) {
	redis, data := domaintest.StartRedis(t), t.TempDir()
	env := []string{"CONFAB_REDIS_URL=" + redis.URL, "CONFAB_ADDR=127.0.0.1:0"}
	p := startConfab(t, "first", append(env, "CONFAB_DATA="+data)...).ready(t)
	client := goredis.NewClient(&goredis.Options{Addr: redis.Addr})
	defer client.Close()
	stranger := func() {
		t.Helper()
		if _, err := runWith(t, append(env, "CONFAB_DATA="+t.TempDir())); err == nil || !strings.Contains(err.Error(), "share a store, too") {
			t.Errorf("got %v", err)
		}
	}
	stranger()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "who uses the Redis claims it again", func() error {
		if n, err := client.Exists(t.Context(), partitionsKey, historyKey).Result(); err != nil || n < 2 {
			return fmt.Errorf("%d keys, %w", n, err)
		}
		return nil
	})
	stranger()
	p.stop(t)

	maxMemory := func(bytes string) {
		t.Helper()
		if err := client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	client.Del(t.Context(), "confab:server", historyKey) // as if it had been restarted, and filled by a Confab that did not claim it so
	maxMemory("1")
	p = startConfab(t, "again", append(env, "CONFAB_DATA="+data)...).ready(t)
	maxMemory("0")
	if err := client.Set(t.Context(), historyKey, "another", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.log.String(), "belongs to history another") {
		t.Errorf("it ended with %v", err)
	}
}

// Two Redises would give the next seqs of every room twice.
func TestServer_refusesTheStoreOfAnotherRedis(t *testing.T) {
	mongo := mongotest.Start(t)
	store := "CONFAB_MONGO_URI=" + mongo.URI
	redis := domaintest.StartRedis(t)
	first := startConfab(t, "first", store, "CONFAB_REDIS_URL="+redis.URL).ready(t)
	stranger := []string{store, "CONFAB_ADDR=127.0.0.1:0"} // with an embedded one
	if _, err := runWith(t, stranger); err == nil || !strings.Contains(err.Error(), "share a Redis, too") {
		t.Errorf("got %v", err)
	}
	own := domaintest.StartRedis(t)
	if _, err := runWith(t, []string{store, "CONFAB_REDIS_URL=" + own.URL, "CONFAB_ADDR=127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "use an empty database") {
		t.Errorf("got %v", err)
	}
	startConfab(t, "as told", "CONFAB_REDIS_URL="+own.URL, "CONFAB_DATA="+t.TempDir()).ready(t) // the Redis is still nobody's
	first.kill(t)
	next := startConfab(t, "next", stranger...).ready(t)
	next.stop(t)
	if again := startConfab(t, "again", stranger...).ready(t); strings.Contains(again.log.String(), "waiting for store") {
		t.Error("one that was stopped has not given up the store")
	}
}

// Nobody with another Redis is let in while the views are made again, however long that takes.
func TestRebuild_holdsTheStore(t *testing.T) {
	server, redis := mongotest.Start(t), domaintest.StartRedis(t)
	leases := goredis.NewClient(&goredis.Options{Addr: redis.Addr})
	defer leases.Close()
	// It waits for whoever has a partition, and that takes longer than a beat.
	if err := leases.Set(t.Context(), domain.Partition(0).Lease(), "a projector's", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	store, err := mongo.Connect(options.Client().ApplyURI(server.URI))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Disconnect(context.Background()) }()
	ended := make(chan error, 1)
	go func() {
		_, err := runWith(t, []string{"CONFAB_MONGO_URI=" + server.URI, "CONFAB_REDIS_URL=" + redis.URL}, "rebuild")
		ended <- err
	}()
	beats := map[string]bool{}
	eventually(t, time.Minute, "the views are made again", func() error {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("rebuild: %v", err)
			}
			return nil
		default:
		}
		var holder struct{ Beat string }
		if err := store.Database("confab").Collection("history").FindOne(t.Context(), bson.M{"_id": "holder"}).Decode(&holder); err == nil {
			beats[holder.Beat] = true
		}
		return errors.New("it is at work")
	})
	if len(beats) < 2 {
		t.Errorf("it said %d times that it holds the store", len(beats))
	}
}

func TestServer_refusesAStoreThatNoWaitingMends(t *testing.T) {
	for name, env := range map[string]string{
		"folder is a file":   "CONFAB_DATA=run_test.go",
		"URI makes no sense": "CONFAB_MONGO_URI=mongodb://u:sec/ret@h/db",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := runWith(t, []string{"CONFAB_ADDR=127.0.0.1:0", env}); err == nil {
				t.Error("it ended well")
			}
		})
	}
}

func TestRebuild_wantsAHistory(t *testing.T) {
	data := filepath.Join(t.TempDir(), "misspelt")
	if _, err := runWith(t, []string{"CONFAB_DATA=" + data}, "rebuild"); err == nil || !strings.Contains(err.Error(), "there is no history") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("it has made the folder")
	}
}

// Redis and the store each go away and come back: what was acked stays, what was not
// can be sent again with its key, and nobody has to be restarted.
func TestCluster_survivesItsBackends(t *testing.T) {
	c := newCluster(t, 2)
	ada := guest(t, c.nginx.URL, "ada")
	room := ada.makeRoom(t, "weather")
	var want []string
	say := func(n int) error {
		body := fmt.Sprintf("message %d", n)
		_, err := ada.post(room, fmt.Sprintf("key-%d", n), body)
		if err == nil && !slices.Contains(want, body) {
			want = append(want, body)
		}
		return err
	}
	hears := func() error {
		got, err := ada.bodies(room)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("history is %q, want %q", got, want)
		}
		return err
	}
	if err := say(1); err != nil {
		t.Fatal(err)
	}

	c.redis.Kill()
	if err := unavailable(say(2)); err != nil {
		t.Errorf("without Redis: %v", err)
	}
	c.redis.Restart()
	eventually(t, 15*time.Second, "sends are accepted again", func() error { return say(2) })
	eventually(t, 15*time.Second, "history is complete after Redis came back", hears)

	c.mongo.Kill()
	for n := 3; n <= 5; n++ {
		eventually(t, 15*time.Second, "sends are accepted without the store", func() error { return say(n) })
	}
	if err := unavailable(hears()); err != nil {
		t.Errorf("history without the store: %v", err)
	}
	c.mongo.Restart()
	eventually(t, 30*time.Second, "history is complete after the store came back", hears)
	for _, p := range append(c.nodes, c.projector) {
		p.ready(t)
	}
}

// A full disk refuses what it cannot keep, takes nothing back, and is over when there is
// space again.
func TestEmbedded_diskFull(t *testing.T) {
	disk, err := mountDisk(t)
	if err != nil {
		t.Skipf("needs a small disk: %v", err)
	}
	p := startConfab(t, "embedded", "CONFAB_DATA="+disk.dir).ready(t)
	ada := guest(t, "http://"+p.addr, "ada")
	room := ada.makeRoom(t, "weather")
	acked := 0
	say := func() error {
		_, err := ada.post(room, fmt.Sprintf("key-%d", acked), fmt.Sprintf("message %d", acked))
		if err == nil {
			acked++
		}
		return err
	}
	if err := say(); err != nil {
		t.Fatal(err)
	}
	if err := disk.fill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "sends are refused", func() error {
		// The store may have room left in the files that it has.
		return unavailable(say())
	})
	if err := disk.empty(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, "sends are accepted again", say)
	p.ready(t)
	for _, when := range []string{"after the outage", "after a restart"} {
		got, err := ada.bodies(room)
		if err != nil || len(got) != acked {
			t.Errorf("%s: %d messages were acked, there are %q (%v)", when, acked, got, err)
		}
		p.kill(t)
		p.restart(t)
		p.ready(t)
	}
}
