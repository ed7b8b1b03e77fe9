package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"confab/web"
)

type problemJSON struct {
	Type         string             `json:"type"`
	Code         string             `json:"code"`
	RetryAfterMS int                `json:"retry_after_ms"`
	Problems     []web.ReadyProblem `json:"problems"`
}

// problemOf demands a problem like those of the server that is to come.
func problemOf(t *testing.T, h http.Handler, path string, status int) problemJSON {
	t.Helper()
	res := httptest.NewRecorder()
	h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, path, nil))
	var p problemJSON
	if err := json.Unmarshal(res.Body.Bytes(), &p); err != nil || res.Code != status || p.Type != "urn:confab:problem:"+p.Code {
		t.Fatalf("%s: %d %s", path, res.Code, res.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := res.Header().Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", path, name, got, want)
		}
	}
	return p
}

func TestFront_sendsThoseAwayWhoComeTooEarly(t *testing.T) {
	f := newFront(Config{})
	redis := web.ReadyProblem{Component: "redis", Reason: "connection refused"}
	f.waitsFor(redis.Component, redis.Reason)
	for _, path := range []string{"/ws", "/api/v1/me", "/readyz"} {
		times := map[int]bool{}
		for range 100 {
			p := problemOf(t, f, path, http.StatusServiceUnavailable)
			if p.Code != "unavailable" || p.RetryAfterMS < 1000 || !slices.Equal(p.Problems, []web.ReadyProblem{redis}) {
				t.Fatalf("%s: %+v", path, p)
			}
			times[p.RetryAfterMS] = true
		}
		if len(times) < 10 {
			t.Errorf("%s: 100 clients come back at %d times", path, len(times))
		}
	}
}

func TestFront_hidesWhatTheDebugAddressHas(t *testing.T) {
	f := newFront(Config{DebugAddr: "127.0.0.1:0"})
	if p := problemOf(t, f, "/metrics", http.StatusNotFound); p.Code != "not_found" {
		t.Errorf("%+v", p)
	}
}
