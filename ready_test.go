package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain/domaintest"
	"confab/web"
)

// A Redis that may lose what is acked serves, and /readyz says what is wrong with it
// for as long as it is so.
func TestReady_warnsOfAWeakRedis(t *testing.T) {
	server := domaintest.StartRedis(t, "--appendfsync", "everysec", "--maxmemory-policy", "allkeys-lru")
	p := startConfab(t, "weak", "CONFAB_REDIS_URL="+server.URL, "CONFAB_DATA="+t.TempDir()).ready(t)
	warnings := func() []web.ReadyProblem {
		resp, err := http.Get("http://" + p.addr + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		var status web.ReadyStatus
		if err := json.Unmarshal(body, &status); err != nil || resp.StatusCode != http.StatusOK || status.Status != "ready" {
			t.Fatalf("%s: %s", resp.Status, body)
		}
		return status.Warnings
	}
	want := []web.ReadyProblem{
		{Component: "redis", Reason: `redis has "appendfsync" set to "everysec"; acked events may be lost unless it is "always"`},
		{Component: "redis", Reason: `redis has "maxmemory-policy" set to "allkeys-lru"; acked events may be lost unless it is "noeviction"`},
	}
	if got := warnings(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("warnings are %q, want %q", got, want)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	for name, value := range map[string]string{"appendfsync": "always", "maxmemory-policy": "noeviction"} {
		if err := client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if got := warnings(); len(got) > 0 {
		t.Errorf("after they were mended, warnings are %q", got)
	}
}

func TestReady_asksTheProjector(t *testing.T) {
	server := domaintest.StartRedis(t)
	p := startConfab(t, "both", "CONFAB_REDIS_URL="+server.URL, "CONFAB_DATA="+t.TempDir()).ready(t)
	server.Kill()
	eventually(t, 20*time.Second, "it says that the projector cannot work", func() error { return notReady(p, "projector") })
	server.Restart()
	p.ready(t)
}

// What operators ask is answered at an address of its own, where it is not for everybody;
// a process that has one ends as well as any.
func TestServer_debugAddress(t *testing.T) {
	p := startConfab(t, "debugged", "CONFAB_DATA="+t.TempDir(), "CONFAB_DEBUG_ADDR=127.0.0.1:0").ready(t)
	debug := p.log.await(t, 0, "listening for debugging", "debug_addr")
	for _, path := range []string{"/metrics", "/debug/pprof/cmdline"} {
		for addr, want := range map[string]int{debug: http.StatusOK, p.addr: http.StatusNotFound} {
			resp, err := http.Get("http://" + addr + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s%s: %s, want %d", addr, path, resp.Status, want)
			}
		}
	}
	p.stop(t)
}
