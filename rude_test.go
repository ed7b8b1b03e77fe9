package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"confab/domain"
	"confab/web/client"
)

// Rude clients beside polite ones: the polite ones lose nothing, and when the rude ones
// are gone the server is as it was. What the polite ones feel meanwhile is told, not
// asserted: it is the machine's.

// rudeKind is a way to behave badly.
type rudeKind struct {
	name string
	// begin lets them in. over tells when the server has dealt with them; after looks at
	// how, and makes them leave.
	begin func(*testing.T, *rudeWorld) (over func() error, after func(*testing.T))
	bound int // bytes that they may cost the server
}

var rudeKinds = []rudeKind{
	// A backlog of 1 MiB is a buffer of up to twice that, and another while it is written.
	{"slow readers", slowReaders, 2 * slowOnes * 4 * mib},
	{"as fast as it goes", floods, 32 * mib},
	{"gone in the middle of a frame", halfFrames, 500 * 64 << 10},
	{"strangers that never ask", strangers, 2500 * 32 << 10},
}

type rudeWorld struct {
	p       *process
	server  string
	room    domain.RoomID
	session *client.Session // of the rude ones
	talkers []*talker
	pause   time.Duration // of a polite client before it says something
}

// talker is a polite client.
type talker struct {
	client *client.Client
	sub    *client.Subscription
	last   uint64 // newest seq seen
}

func newRudeWorld(t *testing.T, ping time.Duration, limits string) *rudeWorld {
	p := startPlainConfab(t, "server", "CONFAB_DATA="+t.TempDir(), "CONFAB_LIMITS="+limits, "CONFAB_PING="+ping.String()).ready(t)
	w := &rudeWorld{p: p, server: "http://" + p.addr}
	guest := func(name string) *client.Session {
		s, err := client.Guest(t.Context(), w.server, name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	w.session = guest("rude")
	room, err := w.session.CreateRoom(t.Context(), "lounge", domain.Public)
	if err != nil {
		t.Fatal(err)
	}
	w.room = room.ID
	for i := range 4 {
		s := guest(fmt.Sprint("polite ", i))
		if err := s.Join(t.Context(), w.room); err != nil {
			t.Fatal(err)
		}
		c, err := client.Dial(t.Context(), s, client.Options{State: func(err error) {
			if err != nil && t.Context().Err() == nil {
				t.Errorf("a polite client lost its connection: %v", err)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		w.talkers = append(w.talkers, &talker{client: c, sub: c.Subscribe(w.room, domain.Cursor{})})
	}
	return w
}

// talk lets each polite client say n things, each once it has seen the one before, and
// returns how long the seeing took, sorted.
func (w *rudeWorld) talk(t *testing.T, n int) []time.Duration {
	t.Helper()
	body := strings.Repeat("x", 8000)
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for _, a := range w.talkers {
		all.Go(func() {
			for range n {
				<-time.After(w.pause)
				start := time.Now()
				ack, err := a.client.Send(t.Context(), w.room, client.NewKey(), body)
				if err == nil {
					err = a.sees(t, ack.Seq)
				}
				if err != nil {
					t.Errorf("a polite client: %v", err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(start))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	slices.Sort(took)
	return took
}

// sees takes events up to a seq, each of which must be the next.
func (a *talker) sees(t *testing.T, seq uint64) error {
	for a.last < seq {
		e, err := a.sub.Next(t.Context())
		if err != nil {
			return err
		}
		if e.Seq != a.last+1 {
			return fmt.Errorf("saw %d after %d", e.Seq, a.last)
		}
		a.last = e.Seq
	}
	return nil
}

func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)-1)*p/100].Round(10 * time.Microsecond)
}

// settled waits until the server holds what it held.
func (w *rudeWorld) settled(t *testing.T, files, goroutines int) {
	t.Helper()
	eventually(t, time.Minute, "the server has let go of them", func() error {
		http.DefaultClient.CloseIdleConnections()
		const passing = 8 // requests and timers that happen to be at work
		if f, g := w.p.openFiles(t), int(w.p.metric(t, "go_goroutines")); f > files+passing || g > goroutines+passing {
			return fmt.Errorf("%d open files and %d goroutines, which were %d and %d", f, g, files, goroutines)
		}
		return nil
	})
}

func TestRude_clientsHarmOnlyThemselves(t *testing.T) {
	newRudeWorld(t, 25*time.Second, "off").meets(t, rudeKinds...)
}

// As everybody runs it: a flood is read no faster than a connection may send.
func TestRude_floodsAreSlowedDown(t *testing.T) {
	w := newRudeWorld(t, 25*time.Second, "on")
	w.pause = 60 * time.Millisecond
	start := time.Now()
	w.meets(t, rudeKind{"as fast as it goes", limitedFloods, 32 * mib})
	const connections = 8 // four of them polite, which say little
	most := connections * (500 + 100*time.Since(start).Seconds())
	if n := w.p.metric(t, "confab_web_client_frames_total"); n > most {
		t.Errorf("%v frames were dealt with, %v are allowed", n, most)
	}
}

// Here pings are frequent, so that who is gone without a word is found out soon; so is
// who does not read, which is why the slow readers do not come here.
func TestRude_halfOpenConnectionsAreCut(t *testing.T) {
	newRudeWorld(t, 2*time.Second, "off").meets(t, rudeKind{"half-open", halfOpen, 500 * 64 << 10})
}

// meets lets one kind after the other come while the polite clients talk.
func (w *rudeWorld) meets(t *testing.T, kinds ...rudeKind) {
	w.talk(t, 25) // warm
	w.p.forgetPeak(t)
	alone := w.talk(t, 75)
	_, quiet := w.p.memory(t)
	files, goroutines := w.p.openFiles(t), int(w.p.metric(t, "go_goroutines"))
	t.Logf("alone: p50 %v, p99 %v; at most %d MiB, %d open files, %d goroutines",
		percentile(alone, 50), percentile(alone, 99), quiet/mib, files, goroutines)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			beside, peak := w.meet(t, kind)
			ratio := func(p int) float64 { return float64(percentile(beside, p)) / float64(percentile(alone, p)) }
			t.Logf("beside: p50 %v (×%.2f), p99 %v (×%.2f) of %d; at most %d MiB",
				percentile(beside, 50), ratio(50), percentile(beside, 99), ratio(99), len(beside), peak/mib)
			const breath = 32 * mib // of the collector, between two looks at the same load
			if peak > quiet+kind.bound+breath {
				t.Errorf("the server took %d MiB, %d without them", peak/mib, quiet/mib)
			}
			w.settled(t, files, goroutines)
		})
	}
	head := uint64(0)
	for _, a := range w.talkers {
		head = max(head, a.last)
	}
	for _, a := range w.talkers {
		if err := a.sees(t, head); err != nil {
			t.Error(err)
		}
	}
}

// meet returns how long seeing took beside one kind, and the server's peak.
func (w *rudeWorld) meet(t *testing.T, kind rudeKind) (beside []time.Duration, peak int) {
	w.p.forgetPeak(t)
	over, after := kind.begin(t, w)
	eventually(t, 2*time.Minute, "the server has dealt with them", func() error {
		beside = append(beside, w.talk(t, 25)...)
		return over()
	})
	_, peak = w.p.memory(t)
	after(t)
	slices.Sort(beside)
	return beside, peak
}
