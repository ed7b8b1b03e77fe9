package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"confab/domain"
	"confab/web"
)

// front stands at the listener from the first moment: until the server behind it is
// ready, it says that the process is alive and what it waits for.
type front struct {
	hideMetrics bool // they have an address of their own
	server      atomic.Pointer[http.Handler]
	problem     atomic.Pointer[web.ReadyProblem]
}

func newFront(cfg Config) *front {
	f := &front{hideMetrics: cfg.DebugAddr != ""}
	f.waitsFor("start", "it is starting")
	return f
}

// waitsFor tells what the start waits for.
func (f *front) waitsFor(component, reason string) {
	f.problem.Store(&web.ReadyProblem{Component: component, Reason: reason})
}

// serve hands over to the server.
func (f *front) serve(h http.Handler) { f.server.Store(&h) }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch h := f.server.Load(); {
	case f.hideMetrics && r.URL.Path == "/metrics" && !debugging(r):
		web.Refuse(w, r, domain.Errorf(domain.CodeNotFound, "there is nothing at this path"))
	case h != nil:
		(*h).ServeHTTP(w, r)
	case r.URL.Path == "/healthz":
		writeJSON(w, map[string]string{"status": "ok"})
	default:
		unready(w, r, *f.problem.Load())
	}
}

// projectorHandler answers for a process without the node role.
func projectorHandler(b *backends) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if problems := b.problems(r.Context()); len(problems) > 0 {
			unready(w, r, problems...)
			return
		}
		writeJSON(w, web.ReadyStatus{Status: "ready", Warnings: b.warnings(r.Context())})
	})
	mux.Handle("GET /metrics", b.metrics())
	return mux
}

// unready sends the client away for a while.
func unready(w http.ResponseWriter, r *http.Request, problems ...web.ReadyProblem) {
	web.Refuse(w, r, &domain.Error{
		Code: domain.CodeUnavailable, Message: "this process cannot serve at the moment; try again", RetryAfter: time.Second,
	}, problems...)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // a client that went away needs no answer
}

type debugKey struct{}

func debugging(r *http.Request) bool { return r.Context().Value(debugKey{}) != nil }

// debugHandler is what the debug address serves: profiles, and of the server the
// parts that are for operators.
func debugHandler(server http.Handler) http.Handler {
	operators := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), debugKey{}, true)))
	})
	mux := http.NewServeMux()
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		mux.Handle("GET "+path, operators)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
