package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// browserControl lets the tests in web/ui/e2e act on the servers, over HTTP:
//
//	GET  /servers                  their URLs, in the order of their numbers
//	POST /kill?server=0            SIGKILL
//	POST /stop?server=0            SIGTERM; answered when it has ended
//	POST /start?server=0           answered when it is ready again
//	POST /figure {"name","value"}  is told at the end of the test
//
// What they ask for is done in the test's goroutine, one thing after the other, so that
// it may fail the test.
type browserControl struct {
	url     string
	t       *testing.T
	servers []*process
	work    chan func()
	figures []string
}

func newBrowserControl(t *testing.T, servers []*process) *browserControl {
	c := &browserControl{t: t, servers: servers, work: make(chan func())}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /servers", func(w http.ResponseWriter, _ *http.Request) {
		urls := []string{}
		for _, p := range c.servers {
			urls = append(urls, "http://"+p.addr)
		}
		_ = json.NewEncoder(w).Encode(urls)
	})
	c.handle(mux, "POST /kill", func(p *process) { p.kill(t) })
	c.handle(mux, "POST /stop", func(p *process) { p.stop(t) })
	c.handle(mux, "POST /start", func(p *process) {
		p.restart(t)
		p.ready(t)
	})
	mux.HandleFunc("POST /figure", c.figure)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// handle does something to the server that a request names.
func (c *browserControl) handle(mux *http.ServeMux, pattern string, do func(*process)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("server"))
		if err != nil || n < 0 || n >= len(c.servers) {
			http.Error(w, "there is no such server", http.StatusBadRequest)
			return
		}
		done := make(chan struct{})
		select {
		case c.work <- func() { defer close(done); do(c.servers[n]) }:
			<-done
		case <-r.Context().Done():
		}
	})
}

func (c *browserControl) figure(w http.ResponseWriter, r *http.Request) {
	var f struct{ Name, Value string }
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	done := make(chan struct{})
	select {
	case c.work <- func() { defer close(done); c.figures = append(c.figures, fmt.Sprintf("%s: %s", f.Name, f.Value)) }:
		<-done
	case <-r.Context().Done():
	}
}

// serve does what is asked for until the tests have ended.
func (c *browserControl) serve(ended <-chan struct{}) {
	for {
		select {
		case do := <-c.work:
			do()
		case <-ended:
			return
		}
	}
}

func (c *browserControl) tellFigures(t *testing.T) {
	t.Helper()
	for _, f := range c.figures {
		t.Log(f)
	}
}
