package main

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/sqlite"
	"confab/web/client"
	"confab/web/frames"
)

// make deep: a million events, resumed from the first.

var (
	deepEvents  = flag.Int("deep.events", 10_000, "events of the room that is resumed from its beginning")
	deepClients = flag.Int("deep.clients", 50, "clients that come back to a room of 5000 events at once")
)

// deepGrowth bounds by how much more the server may grow over a whole history than it
// does over the last quarter of it. It holds the same for both, one chunk and the pages
// kept for others, so what is left is the collector's breath. The history is larger, and
// would take a multiple of its size.
const (
	deepGrowth = 32 * mib
	deepSize   = 48 * mib
)

// deepRoom writes a public room of n events, and of at least size bytes, into an
// embedded store.
func deepRoom(t *testing.T, data string, n, size int) domain.RoomID {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(data, "confab.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	history := domaintest.NewHistory("deep", domain.Public)
	start := time.Now()
	defer func() { t.Logf("written in %v", time.Since(start).Round(time.Millisecond)) }()
	filler := strings.Repeat("x", size/n)
	for done := 0; done < n; done = len(history.Events) {
		for len(history.Events) < min(n, done+1000) {
			history.Post(history.Owner, fmt.Sprint("message ", len(history.Events), filler))
		}
		if err := store.Project(t.Context(), history.Records(done+1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return history.Room
}

// listen opens a WebSocket of a session's. It reads nothing yet.
func listenAs(t *testing.T, session *client.Session) *websocket.Conn {
	t.Helper()
	url := "ws" + strings.TrimPrefix(session.Server, "http") + "/ws"
	ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, http.Header{"Authorization": {"Bearer " + session.Token}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Cleanup(func() { ws.Close() })
	return ws
}

// resume subscribes from a seq on and reads until everything has come. It returns where
// caught_up stood.
func resume(ws *websocket.Conn, room domain.RoomID, seq uint64) (uint64, error) {
	if err := ws.WriteMessage(websocket.TextMessage, frames.Marshal(frames.Subscribe{ID: "deep", Room: room, After: &seq})); err != nil {
		return 0, err
	}
	eventOf := fmt.Appendf(nil, `{"type":"event","room":%q,"seq":`, room)
	for {
		_ = ws.SetReadDeadline(time.Now().Add(time.Minute))
		_, msg, err := ws.ReadMessage()
		if err != nil {
			return seq, fmt.Errorf("after event %d: %w", seq, err)
		}
		if rest, ok := bytes.CutPrefix(msg, eventOf); ok { // decoding all of it would measure the test
			seq++
			if !bytes.HasPrefix(rest, fmt.Appendf(nil, "%d,", seq)) {
				return seq, fmt.Errorf("%.20s came where event %d must come", rest, seq)
			}
			continue
		}
		f, err := frames.DecodeServer(msg)
		if err != nil {
			return seq, err
		}
		switch f := f.(type) {
		case frames.CaughtUp:
			if f.Seq != seq {
				return seq, fmt.Errorf("caught_up says %d after event %d", f.Seq, seq)
			}
			return seq, nil
		case frames.Welcome, frames.Subscribed, frames.Heartbeat:
		default:
			return seq, fmt.Errorf("after event %d: %s", seq, msg)
		}
	}
}

// Whoever was away for a whole history gets it, and the server holds none of it.
func TestResume_aWholeHistoryInBoundedMemory(t *testing.T) {
	data, n := t.TempDir(), *deepEvents
	room := deepRoom(t, data, n, deepSize)
	p := startPlainConfab(t, "deep", "CONFAB_DATA="+data, "CONFAB_LIMITS=off").ready(t)
	session, err := client.Guest(t.Context(), "http://"+p.addr, "ada")
	if err != nil {
		t.Fatal(err)
	}
	streams := func(after int) (peak int) {
		ws := listenAs(t, session)
		defer ws.Close()
		p.forgetPeak(t)
		before, _ := p.memory(t)
		start := time.Now()
		seq, err := resume(ws, room, uint64(after))
		took := time.Since(start)
		_, peak = p.memory(t)
		if err != nil || seq != uint64(n) {
			t.Errorf("got events up to %d of %d: %v", seq, n, err)
		}
		t.Logf("%d events in %v, %.0f/s; resident: %d MiB before, at most %d MiB meanwhile",
			n-after, took.Round(time.Millisecond), float64(n-after)/took.Seconds(), before/mib, peak/mib)
		return peak
	}
	part, whole := streams(n*3/4), streams(0)
	if grown := whole - part; grown > deepGrowth {
		t.Errorf("for the whole history the server took %d MiB more than for its last quarter", grown/mib)
	}
}

// Many come back to the same room at once: its pages are read for all of them, not for
// each. Those who fall behind the others by more than the pages that are kept read some
// again.
func TestResume_aStormSharesThePages(t *testing.T) {
	data, n := t.TempDir(), 5000
	room := deepRoom(t, data, n, n*100)
	p := startPlainConfab(t, "storm", "CONFAB_DATA="+data, "CONFAB_LIMITS=off").ready(t)
	session, err := client.Guest(t.Context(), "http://"+p.addr, "ada")
	if err != nil {
		t.Fatal(err)
	}
	var sockets []*websocket.Conn
	for range *deepClients {
		sockets = append(sockets, listenAs(t, session))
	}
	p.forgetPeak(t)
	before, _ := p.memory(t)
	start := time.Now()
	var all errgroup.Group
	for _, ws := range sockets {
		all.Go(func() error {
			seq, err := resume(ws, room, 0)
			if err == nil && seq != uint64(n) {
				err = fmt.Errorf("got %d events of %d", seq, n)
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	took := time.Since(start)
	_, peak := p.memory(t)
	const pageEvents = 128 // fanout's
	pages, reads := math.Ceil(float64(n)/pageEvents), p.metric(t, "confab_fanout_pages_read_total")
	t.Logf("%d clients got %d events each in %v; %.0f pages were read %.0f times; resident: %d MiB before, at most %d MiB meanwhile",
		len(sockets), n, took.Round(time.Millisecond), pages, reads, before/mib, peak/mib)
	if reads < pages-2 || reads > 3*pages { // the newest may come from the ring alone
		t.Errorf("%.0f pages were read %.0f times for %d clients", pages, reads, len(sockets))
	}
}
