package nginx_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"confab/nginx"
	"confab/nginx/nginxtest"
)

// startNode runs handler as a node and returns its host:port.
func startNode(t *testing.T, handler http.Handler) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// deadNode returns a host:port that refuses connections.
func deadNode(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	check(t, l.Close())
	return l.Addr().String()
}

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, name)
	})
}

// echo answers WebSocket messages with themselves.
func echo(w http.ResponseWriter, r *http.Request) { echoAs("", w, r) }

func echoAs(name string, w http.ResponseWriter, r *http.Request) {
	c, err := (&websocket.Upgrader{}).Upgrade(w, r, http.Header{"X-Node": {name}})
	if err != nil {
		return
	}
	defer c.Close()
	for {
		kind, message, err := c.ReadMessage()
		if err != nil || c.WriteMessage(kind, message) != nil {
			return
		}
	}
}

func dial(t *testing.T, n *nginxtest.Nginx) *websocket.Conn {
	t.Helper()
	c, _ := dialNamed(t, n)
	return c
}

// dialNamed also returns the name of the node that took the connection.
func dialNamed(t *testing.T, n *nginxtest.Nginx) (*websocket.Conn, string) {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+n.Addr+"/ws", nil)
	if err != nil {
		t.Fatalf("dial: %v %v", err, resp)
	}
	t.Cleanup(func() { c.Close() })
	return c, resp.Header.Get("X-Node")
}

func hearsItself(t *testing.T, c *websocket.Conn) {
	t.Helper()
	check(t, c.WriteMessage(websocket.TextMessage, []byte("hi")))
	_, got, err := c.ReadMessage()
	check(t, err)
	if string(got) != "hi" {
		t.Errorf("heard %q", got)
	}
}

func do(t *testing.T, method, url string, body io.Reader, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	check(t, err)
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	check(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(t, err)
	return resp, string(b)
}

// isProblem checks an answer of nginx's own against the wire contract.
func isProblem(t *testing.T, resp *http.Response, body string, status int, code string) {
	t.Helper()
	var p struct {
		Type, Title, Code, Detail string
		Status                    int
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%s: %q is not JSON: %v", resp.Status, body, err)
	}
	if resp.StatusCode != status || p.Status != status || p.Code != code || p.Type != "urn:confab:problem:"+code ||
		p.Title == "" || p.Detail == "" || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %s %v %s, want status %d and code %q", resp.Status, resp.Header, body, status, code)
	}
	if server := resp.Header.Get("Server"); server != "nginx" {
		t.Errorf("Server: %s tells the version", server)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConf_isValid(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	check(t, os.WriteFile(conf, []byte(nginx.Configure("127.0.0.1:18080", []string{"127.0.0.1:18081"}, dir)), 0o600))
	out, err := nginxtest.Command("-t", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", conf).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("[warn]")) {
		t.Errorf("nginx -t: %v\n%s", err, out)
	}
}

func TestWebSocket_echoes(t *testing.T) {
	n := nginxtest.Start(t, startNode(t, http.HandlerFunc(echo)))
	hearsItself(t, dial(t, n))
}

func TestWebSocket_goesToANodeThatLives(t *testing.T) {
	n := nginxtest.Start(t, deadNode(t), startNode(t, http.HandlerFunc(echo)), deadNode(t))
	for range 5 {
		hearsItself(t, dial(t, n))
	}
}

func TestWebSocket_survivesAReload(t *testing.T) {
	n := nginxtest.Start(t, startNode(t, http.HandlerFunc(echo)))
	c := dial(t, n)
	hearsItself(t, c)
	n.Reload()
	hearsItself(t, c)
	hearsItself(t, dial(t, n))
}

// least_conn: a node that came back gets the new connections until it has its share.
func TestWebSocket_goesWhereFewAre(t *testing.T) {
	left := make(chan string, 10)
	node := func(name string) string {
		return startNode(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			echoAs(name, w, r)
			left <- name
		}))
	}
	n := nginxtest.Start(t, node("a"), node("b"))
	conns := map[string][]*websocket.Conn{}
	connect := func(count int) {
		for range count {
			c, name := dialNamed(t, n)
			conns[name] = append(conns[name], c)
		}
	}
	connect(6)
	if len(conns["a"]) != 3 || len(conns["b"]) != 3 {
		t.Fatalf("6 connections were spread %d to %d", len(conns["a"]), len(conns["b"]))
	}
	for _, c := range conns["a"] {
		check(t, c.Close())
		<-left
	}
	conns["a"] = nil
	connect(3)
	if len(conns["a"]) != 3 {
		t.Errorf("the idle node got %d of 3 connections", len(conns["a"]))
	}
}

// While nodes of two versions run, a page of the one finds its files whatever node is asked.
func TestAssets_areFoundAtAnyNodeThatHasThem(t *testing.T) {
	has := func(name string) string {
		return startNode(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Node", name)
			if r.URL.Path == "/assets/"+name+".js" {
				_, _ = io.WriteString(w, name)
				return
			}
			http.Error(w, "the node's own 404", http.StatusNotFound)
		}))
	}
	n := nginxtest.Start(t, has("old"), has("old"), has("new"), has("old"), has("old"))
	for range 10 {
		for _, name := range []string{"old", "new"} {
			resp, body := do(t, http.MethodGet, n.URL+"/assets/"+name+".js", nil, nil)
			if resp.StatusCode != http.StatusOK || body != name {
				t.Fatalf("%s: %s %s", name, resp.Status, body)
			}
		}
		resp, body := do(t, http.MethodGet, n.URL+"/assets/none.js", nil, nil)
		if resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "own 404") {
			t.Fatalf("what no node has: %s %s", resp.Status, body)
		}
	}
	// Another path is one node's word.
	if resp, _ := do(t, http.MethodGet, n.URL+"/old.js", nil, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("not an asset: %s", resp.Status)
	}
}

// The nodes' compression, caching and policies pass unchanged.
func TestFiles_passAsTheNodeServesThem(t *testing.T) {
	want := http.Header{
		"Content-Encoding":        {"gzip"},
		"Content-Type":            {"text/javascript; charset=utf-8"},
		"Vary":                    {"Accept-Encoding"},
		"Etag":                    {`"0123-gzip"`},
		"Cache-Control":           {"no-cache"},
		"Content-Security-Policy": {"worker-src 'self'"},
	}
	n := nginxtest.Start(t, startNode(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range want {
			w.Header()[name] = value
		}
		if r.Header.Get("Accept-Encoding") != "gzip, br" || r.Header.Get("Service-Worker") != "script" {
			w.WriteHeader(http.StatusBadRequest)
		}
		if r.Header.Get("If-None-Match") == want.Get("Etag") {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, "packed")
	})))
	asked := http.Header{"Accept-Encoding": {"gzip, br"}, "Service-Worker": {"script"}}
	resp, body := do(t, http.MethodGet, n.URL+"/sw.js", nil, asked)
	if resp.StatusCode != http.StatusOK || body != "packed" {
		t.Errorf("%s %s", resp.Status, body)
	}
	for name := range want {
		if resp.Header.Get(name) != want.Get(name) {
			t.Errorf("%s: %q", name, resp.Header.Get(name))
		}
	}
	asked.Set("If-None-Match", want.Get("Etag"))
	if resp, body := do(t, http.MethodGet, n.URL+"/sw.js", nil, asked); resp.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("%s %s", resp.Status, body)
	}
}

func TestHeaders_areNotForged(t *testing.T) {
	seen := make(chan http.Header, 1)
	host := make(chan string, 1)
	n := nginxtest.Start(t, startNode(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		host <- r.Host
	})))
	do(t, http.MethodGet, n.URL+"/api/v1/me", nil, http.Header{
		"X-Forwarded-For":   {"203.0.113.7", "203.0.113.8"},
		"X-Forwarded-Proto": {"https"},
		"X-Forwarded-Host":  {"evil.example"},
		"X-Real-Ip":         {"203.0.113.7"},
		"True-Client-Ip":    {"203.0.113.7"},
		"Forwarded":         {"for=203.0.113.7;proto=https"},
		"X_forwarded_for":   {"203.0.113.7"},
		"Connection":        {"Upgrade"}, // smuggling by an upgrade to HTTP/2
		"Upgrade":           {"h2c"},
	})
	h := <-seen
	if got := h.Values("X-Forwarded-For"); len(got) != 1 || got[0] != "127.0.0.1" {
		t.Errorf("X-Forwarded-For: %q", got)
	}
	if got := h.Values("X-Forwarded-Proto"); len(got) != 1 || got[0] != "http" {
		t.Errorf("X-Forwarded-Proto: %q", got)
	}
	for _, name := range []string{"X-Forwarded-Host", "X-Real-Ip", "True-Client-Ip", "Forwarded", "X_forwarded_for", "Upgrade"} {
		if h.Get(name) != "" {
			t.Errorf("%s: %q went through", name, h.Get(name))
		}
	}
	// A node compares the Origin with the Host, port included.
	if got := <-host; got != n.Addr {
		t.Errorf("Host: %s, want %s", got, n.Addr)
	}
}

func TestBody_overTheLimit(t *testing.T) {
	n := nginxtest.Start(t, startNode(t, named("node")))
	url := n.URL + "/api/v1/rooms/r/messages"

	resp, body := do(t, http.MethodPost, url, strings.NewReader(strings.Repeat("x", 64<<10)), nil)
	if resp.StatusCode != http.StatusOK || body != "node" {
		t.Errorf("64 KiB: %s %s", resp.Status, body)
	}
	resp, body = do(t, http.MethodPost, url, strings.NewReader(strings.Repeat("x", 64<<10+1)), nil)
	isProblem(t, resp, body, http.StatusRequestEntityTooLarge, "too_large")
	// Without a Content-Length, in chunks.
	resp, body = do(t, http.MethodPost, url, io.MultiReader(strings.NewReader(strings.Repeat("x", 64<<10+1))), nil)
	isProblem(t, resp, body, http.StatusRequestEntityTooLarge, "too_large")
}

func TestDeadNodes_giveAProblem(t *testing.T) {
	n := nginxtest.Start(t, deadNode(t), deadNode(t))
	for _, path := range []string{"/", "/ws", "/api/v1/sessions", "/api/v1/rooms"} {
		resp, body := do(t, http.MethodGet, n.URL+path, nil, nil)
		isProblem(t, resp, body, http.StatusServiceUnavailable, "unavailable")
		if resp.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: Retry-After is %q", path, resp.Header.Get("Retry-After"))
		}
	}
	resp, body := do(t, http.MethodPost, n.URL+"/api/v1/rooms", strings.NewReader("{}"), nil)
	isProblem(t, resp, body, http.StatusServiceUnavailable, "unavailable")
}

// A node's own errors pass as they are.
func TestNodesErrors_passThrough(t *testing.T) {
	n := nginxtest.Start(t, startNode(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "Redis is away")
	})))
	resp, body := do(t, http.MethodGet, n.URL+"/api/v1/rooms", nil, nil)
	if resp.StatusCode != http.StatusServiceUnavailable || body != "Redis is away" {
		t.Errorf("got %s %s", resp.Status, body)
	}
}

func TestOneDeadNode_isNotNoticed(t *testing.T) {
	n := nginxtest.Start(t, deadNode(t), startNode(t, named("node")))
	for range 10 {
		for _, method := range []string{http.MethodGet, http.MethodPost} { // nothing was sent to a node that refuses
			if resp, body := do(t, method, n.URL+"/api/v1/rooms", nil, nil); body != "node" {
				t.Fatalf("%s: %s %s", method, resp.Status, body)
			}
		}
	}
}

// A node that dies with a request in its hands may have carried it out: a GET is asked
// again elsewhere, a POST is the client's to repeat, with its key.
func TestNodeDyingInARequest(t *testing.T) {
	for method, wantAsked := range map[string]int32{http.MethodGet: 2, http.MethodPost: 1} {
		t.Run(method, func(t *testing.T) {
			var asked atomic.Int32
			dying := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				asked.Add(1)
				panic(http.ErrAbortHandler)
			})
			n := nginxtest.Start(t, startNode(t, dying), startNode(t, dying))
			resp, body := do(t, method, n.URL+"/api/v1/rooms/r/messages", nil, nil)
			isProblem(t, resp, body, http.StatusServiceUnavailable, "unavailable")
			if asked.Load() != wantAsked {
				t.Errorf("%d nodes were asked, want %d", asked.Load(), wantAsked)
			}
		})
	}
}

func TestConnectionsToNodes_areKept(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(named("node"))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	n := nginxtest.Start(t, s.Listener.Addr().String())
	for range 50 {
		do(t, http.MethodGet, n.URL+"/api/v1/rooms", nil, nil)
	}
	if got := opened.Load(); got > 4 { // a worker keeps its own
		t.Errorf("50 requests opened %d connections", got)
	}
}

func TestMetrics_areNotShownOutside(t *testing.T) {
	n := nginxtest.Start(t, startNode(t, named("secret")))
	resp, body := do(t, http.MethodGet, n.URL+"/metrics", nil, nil)
	isProblem(t, resp, body, http.StatusNotFound, "not_found")
}

func TestBrokenRequest_getsAProblem(t *testing.T) {
	raw := func(n *nginxtest.Nginx, request string) (*http.Response, string) {
		c, err := net.Dial("tcp", n.Addr)
		check(t, err)
		defer c.Close()
		_, err = io.WriteString(c, request)
		check(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		check(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		check(t, err)
		return resp, string(body)
	}
	n := nginxtest.Start(t, startNode(t, named("node")))
	resp, body := do(t, http.MethodGet, n.URL+"/", nil, http.Header{"X-Long": {strings.Repeat("x", 40<<10)}})
	isProblem(t, resp, body, http.StatusBadRequest, "invalid")
	for _, request := range []string{
		"GET /" + strings.Repeat("x", 40<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", // no Host
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
		"G<T / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", // smuggling
	} {
		resp, body := raw(n, request)
		isProblem(t, resp, body, http.StatusBadRequest, "invalid")
	}
}

// A loopback client is not limited, so the limits are tested with another exception.
func TestLimits_perAddress(t *testing.T) {
	for _, tt := range []struct {
		path  string
		burst int
	}{
		{"/api/v1/users", 100}, {"/api/v1/sessions", 100}, {"/api/v1/sessions/guest", 100}, {"/ws", 200},
	} {
		t.Run(tt.path, func(t *testing.T) {
			node := startNode(t, named("node"))
			n := nginxtest.StartWith(t, func(listen, dir string) string {
				conf := nginx.Configure(listen, []string{node}, dir)
				return strings.Replace(conf, "127.0.0.0/8", "192.0.2.0/24", 1)
			})
			for i := range tt.burst {
				if resp, body := do(t, http.MethodGet, n.URL+tt.path, nil, nil); resp.StatusCode != http.StatusOK {
					t.Fatalf("request %d of a burst of %d: %s %s", i+1, tt.burst, resp.Status, body)
				}
			}
			for range 4 * tt.burst {
				resp, body := do(t, http.MethodGet, n.URL+tt.path, nil, nil)
				if resp.StatusCode == http.StatusTooManyRequests {
					isProblem(t, resp, body, http.StatusTooManyRequests, "rate_limited")
					if resp.Header.Get("Retry-After") == "" {
						t.Error("Retry-After is missing")
					}
					return
				}
			}
			t.Errorf("%d requests at once, and none was refused", 5*tt.burst)
		})
	}
}

func TestLimits_spareTheMachineItself(t *testing.T) {
	n := nginxtest.Start(t, startNode(t, named("node")))
	for range 300 {
		if resp, body := do(t, http.MethodGet, n.URL+"/api/v1/users", nil, nil); resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s", resp.Status, body)
		}
	}
}

func TestAccessLog_isJSONWithoutQueries(t *testing.T) {
	n := nginxtest.Start(t, startNode(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-Id", "r1")
	})))
	do(t, http.MethodGet, n.URL+`/api/v1/a%22b%0Ac?token=secret`, nil, http.Header{"Authorization": {"Bearer secret"}, "Cookie": {"session=secret"}})
	n.Quit() // nginx writes the log after the answer
	var line struct{ Path, Status, Request string }
	if err := json.Unmarshal([]byte(n.AccessLog()), &line); err != nil {
		t.Fatalf("%q: %v", n.AccessLog(), err)
	}
	if line.Path != "/api/v1/a\"b\nc" || line.Status != "200" || line.Request != "r1" || strings.Contains(n.AccessLog(), "secret") {
		t.Errorf("access log: %s", n.AccessLog())
	}
}

func TestKillAndRestart(t *testing.T) {
	n := nginxtest.Start(t, startNode(t, named("node")))
	n.Kill()
	if _, err := net.Dial("tcp", n.Addr); err == nil {
		t.Error("a killed nginx accepts connections")
	}
	n.Restart()
	if _, body := do(t, http.MethodGet, n.URL+"/", nil, nil); body != "node" {
		t.Errorf("after the restart: %s", body)
	}
}
