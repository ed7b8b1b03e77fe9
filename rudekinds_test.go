package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"confab/domain"
	"confab/web/client"
	"confab/web/frames"
)

// slowOnes is how many of each kind of slow reader there are.
const slowOnes = 2

// upgrade opens a WebSocket of the rude session's with a receive window so small that
// what is not read waits in the server.
func (w *rudeWorld) upgrade(t *testing.T) *websocket.Conn {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(128 << 10)
		}
		return conn, err
	}}
	ws, resp, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.server, "http")+"/ws", http.Header{"Authorization": {"Bearer " + w.session.Token}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Cleanup(func() { ws.Close() })
	return ws
}

// follow subscribes to the live events of the room and returns its head.
func (w *rudeWorld) follow(t *testing.T, ws *websocket.Conn) (head uint64) {
	t.Helper()
	if err := ws.WriteMessage(websocket.TextMessage, frames.Marshal(frames.Subscribe{ID: "rude", Room: w.room})); err != nil {
		t.Fatal(err)
	}
	for {
		_, msg, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		f, err := frames.DecodeServer(msg)
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := f.(frames.Subscribed); ok {
			return f.Head
		}
	}
}

// slowReaders follow the room; half of them then read nothing, half a byte a second.
func slowReaders(t *testing.T, w *rudeWorld) (func() error, func(*testing.T)) {
	before := w.p.metric(t, "confab_web_closes_total", `code="4008"`)
	heads := map[*websocket.Conn]uint64{}
	var stopped []*websocket.Conn
	var trickling sync.WaitGroup
	var trickles []*websocket.Conn
	for i := range 2 * slowOnes {
		ws := w.upgrade(t)
		heads[ws] = w.follow(t, ws)
		if i%2 == 0 {
			stopped = append(stopped, ws)
			continue
		}
		trickles = append(trickles, ws)
		trickling.Go(func() {
			second := time.NewTicker(time.Second)
			defer second.Stop()
			for range second.C {
				if _, err := ws.NetConn().Read(make([]byte, 1)); err != nil {
					return
				}
			}
		})
	}
	over := func() error {
		if n := w.p.metric(t, "confab_web_closes_total", `code="4008"`) - before; n < 2*slowOnes {
			return fmt.Errorf("%v of %d slow readers were told to go", n, 2*slowOnes)
		}
		return nil
	}
	return over, func(t *testing.T) {
		last := make([]uint64, len(stopped))
		var reading sync.WaitGroup
		for i, ws := range stopped { // all at once: the server waits 10 s for them
			reading.Go(func() {
				var err error
				if last[i], err = readsOn(ws, heads[ws]); !websocket.IsCloseError(err, 4008) {
					t.Errorf("who stopped reading heard %v", err)
				}
			})
		}
		reading.Wait()
		for _, seq := range last {
			w.comesBack(t, seq)
		}
		for _, ws := range trickles {
			w.comesBack(t, heads[ws]) // it has not seen a whole event
			ws.Close()
		}
		trickling.Wait()
	}
}

// readsOn reads events, each of which must be the next, until something else happens.
func readsOn(ws *websocket.Conn, last uint64) (uint64, error) {
	_ = ws.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		_, msg, err := ws.ReadMessage()
		if err != nil {
			return last, err
		}
		f, err := frames.DecodeServer(msg)
		if err != nil {
			return last, err
		}
		if e, ok := f.(frames.EventFrame); ok {
			if e.Event.Seq != last+1 {
				return last, fmt.Errorf("event %d after %d", e.Event.Seq, last)
			}
			last++
		}
	}
}

// comesBack resumes after a seq, and must get all up to the head.
func (w *rudeWorld) comesBack(t *testing.T, after uint64) {
	t.Helper()
	head := w.talkers[0].last
	c, err := client.Dial(t.Context(), w.session, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a := &talker{client: c, sub: c.Subscribe(w.room, domain.Cursor{After: after}), last: after}
	if err := a.sees(t, head); err != nil {
		t.Errorf("came back after %d and %v", after, err)
	}
}

// floods send as fast as they can: messages, and what is none. Those who read the
// answers go on for as long as they like, those who do not are slow readers.
func floods(t *testing.T, w *rudeWorld) (func() error, func(*testing.T)) {
	before := w.p.metric(t, "confab_web_closes_total", `code="4008"`)
	own, err := w.session.CreateRoom(t.Context(), "flood", domain.Public)
	if err != nil {
		t.Fatal(err)
	}
	send := frames.Marshal(frames.Send{ID: "f", Room: own.ID, Key: "k", Body: "flood"})
	nonsense := []byte(`{"type":"flood","id":"` + strings.Repeat("f", 60) + `"}`)
	var flooding sync.WaitGroup
	var sockets []*websocket.Conn
	for i := range 4 {
		ws := w.upgrade(t)
		sockets = append(sockets, ws)
		frame := [][]byte{send, nonsense, nonsense, nonsense}[i]
		flooding.Go(func() {
			for ws.WriteMessage(websocket.TextMessage, frame) == nil {
			}
		})
		if i < 2 { // the others do not read
			flooding.Go(func() { _, _ = io.Copy(io.Discard, ws.NetConn()) })
		}
	}
	over := func() error {
		if n := w.p.metric(t, "confab_web_closes_total", `code="4008"`) - before; n < 2 {
			return fmt.Errorf("%v of 2 that do not read were told to go", n)
		}
		return nil
	}
	return over, func(*testing.T) {
		for _, ws := range sockets {
			ws.Close()
		}
		flooding.Wait()
	}
}

// limitedFloods last for a few rounds of talk: the server has nothing to do with them.
func limitedFloods(t *testing.T, w *rudeWorld) (func() error, func(*testing.T)) {
	_, after := floods(t, w)
	rounds := 0
	return func() error {
		if rounds++; rounds < 4 {
			return fmt.Errorf("%d rounds of talk", rounds)
		}
		return nil
	}, after
}

// halfFrames leave in the middle of a frame, half of them with a reset.
func halfFrames(t *testing.T, w *rudeWorld) (func() error, func(*testing.T)) {
	for i := range 500 {
		conn := w.upgrade(t).NetConn()
		half := []byte{0x81, 0x80 | 126, 1, 0, 1, 2, 3, 4, 'x'} // 256 bytes were to come
		if _, err := conn.Write(half[:1+i%len(half)]); err != nil {
			t.Error(err)
		}
		if i%2 == 0 {
			reset(conn)
		} else {
			conn.Close()
		}
	}
	return func() error { return w.alone(t) }, func(*testing.T) {}
}

// alone checks that nobody but the polite is connected.
func (w *rudeWorld) alone(t *testing.T) error {
	if n := w.p.metric(t, "confab_web_connections"); n > float64(len(w.talkers)) {
		return fmt.Errorf("%v connections are open", n)
	}
	return nil
}

// halfOpen are connections from which nothing comes any more, as if the other end had
// lost its power: no answer to a ping, no end.
func halfOpen(t *testing.T, w *rudeWorld) (func() error, func(*testing.T)) {
	var sockets []*websocket.Conn
	for range 500 {
		sockets = append(sockets, w.upgrade(t))
	}
	return func() error { return w.alone(t) }, func(*testing.T) {
		for _, ws := range sockets {
			ws.Close()
		}
	}
}

// strangers connect and get no further: they say nothing, half of a header, half of a
// body, or ask and ask and take no answer.
func strangers(t *testing.T, w *rudeWorld) (func() error, func(*testing.T)) {
	_, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.server, "http")+"/ws", nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an upgrade without a session: %v", err)
	} else {
		resp.Body.Close()
	}
	open := map[string]int{"": 1000, "GET /ws HTTP/1.1\r\nHost: x\r\nX-": 1000}
	const post = "POST /api/v1/sessions/guest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"
	open[post] = 200
	asks := strings.Repeat("GET /api/v1/openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n", 1000)
	open[asks] = 50
	var conns []net.Conn
	var asking sync.WaitGroup
	for text, n := range open {
		for range n {
			conn, err := net.Dial("tcp", w.p.addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.(*net.TCPConn).SetReadBuffer(4096)
			conns = append(conns, conn)
			asking.Go(func() { _, _ = io.WriteString(conn, text) }) // it may be cut on the way
		}
	}
	over := func() error {
		const passing = 50 // polite ones and ours
		if n := w.p.openFiles(t); n > passing {
			return fmt.Errorf("%d files are open", n)
		}
		return nil
	}
	return over, func(t *testing.T) {
		asking.Wait()
		for _, conn := range conns {
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) {
				t.Error("the server holds on to a stranger")
			}
			conn.Close()
		}
	}
}
