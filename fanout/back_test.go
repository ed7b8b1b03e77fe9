package fanout_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/fanout"
)

// mender is what repairs the room of a world.
type mender struct {
	mu     sync.Mutex
	asked  []uint64
	mend   func() error
	forked []uint64 // what a new epoch was begun for
	fails  error    // what that fails with
}

func (m *mender) beginEpoch(_ context.Context, _ domain.RoomID, seq uint64) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forked = append(m.forked, seq)
	return "another epoch", m.fails
}

func (m *mender) failWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = err
}

func (m *mender) repair(_ context.Context, _ domain.RoomID, seq uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, seq)
	return m.mend()
}

// does sets what a repair does.
func (m *mender) does(f func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mend = f
}

// inMendedWorld is inWorld with a room that can be repaired and frames that show their
// content: one of another history has a leading zero.
func inMendedWorld(t *testing.T, f func(w *world, m *mender)) {
	m := &mender{}
	var w *world
	cfg := fanout.HubConfig{Repair: m.repair, BeginEpoch: m.beginEpoch}
	cfg.Encode = func(rec domain.Record) []byte {
		if bytes.Contains(rec.Payload, []byte("another history")) {
			return fmt.Appendf(nil, "0%d ", rec.Seq)
		}
		return fmt.Appendf(nil, "%d ", rec.Seq)
	}
	cfg.Decode = func(frame []byte) (domain.Record, error) {
		var seq int
		_, err := fmt.Sscan(string(frame), &seq)
		return w.hist.Records(seq, seq)[0], err
	}
	inWorld(t, cfg, func(made *world) { w = made; f(w, m) })
}

// another returns events of another history with the seqs from … to.
func (w *world) another(from, to uint64) []domain.Record {
	var records []domain.Record
	for seq := from; seq <= to; seq++ {
		records = append(records, domaintest.RecordOf(domain.Event{
			Room: w.hist.Room, Seq: seq, Kind: domain.MessagePosted, ID: domain.NewID(), Actor: alice, Body: "another history",
		}))
	}
	return records
}

// losesWhatWasSeen lets a subscriber see events 2 to 11, of which the last five are lost.
func (w *world) losesWhatWasSeen() *sink {
	s := &sink{t: w.t, from: live, mayReset: true}
	s.subscribe(w, alice.ID)
	w.posts(10)
	settled(time.Millisecond)
	w.log.lose(5)
	return s
}

// Redis loses events that were delivered here: they are put back from here, and the
// subscribers notice nothing.
func TestHub_putsBackWhatRedisLost(t *testing.T) {
	inMendedWorld(t, func(w *world, m *mender) {
		s := w.subscribes(live)
		w.posts(50)
		settled(time.Millisecond)
		m.does(func() error {
			held := w.hub.Recent(w.hist.Room)
			assert.Equal(t, w.hist.Records(1, 51), held)
			assert.Equal(t, uint64(31), w.log.head())
			w.log.append(held[31:]...)
			return nil
		})
		w.log.lose(20)
		settled(3 * time.Second)
		require.Equal(t, []uint64{51}, m.asked)
		w.posts(3)
		settled(time.Millisecond)
		require.EqualValues(t, 54, s.has())
		require.False(t, s.reset)
	})
}

func TestHub_triesAgainToPutBack(t *testing.T) {
	inMendedWorld(t, func(w *world, m *mender) {
		w.subscribes(live)
		w.posts(10)
		settled(time.Millisecond)
		m.does(func() error { return errors.New("redis is away again") })
		w.log.lose(5)
		settled(7 * time.Second)
		require.Equal(t, []uint64{11, 11, 11}, m.asked)
	})
}

// Who comes back with what was delivered is not sent away because Redis has lost it.
func TestHub_putsBackBeforeItSaysReset(t *testing.T) {
	inMendedWorld(t, func(w *world, m *mender) {
		w.subscribes(live)
		w.posts(10)
		settled(time.Millisecond)
		w.log.lose(5)
		m.does(func() error { return errors.New("not now") })
		_, err := w.trySubscribe(after(11))
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
		m.does(func() error { w.log.append(w.hist.Records(7, 11)...); return nil })
		s := w.subscribes(after(11))
		settled(time.Millisecond)
		require.False(t, s.reset)
		require.EqualValues(t, 11, s.caughtUp)
	})
}

// Others have gone on before this node could put back what it holds.
func TestHub_resetsWhoSawAnotherHistory(t *testing.T) {
	for name, goOn := range map[string]func(w *world, m *mender){
		"found when it is repaired": func(w *world, m *mender) {
			m.does(func() error { w.log.append(w.another(7, 12)...); return nil })
		},
		"found by a live event": func(w *world, m *mender) {
			others := w.another(7, 12)
			w.log.append(others...)
			w.publish(others...)
		},
		"found when what was missed is fetched": func(w *world, m *mender) {
			others := w.another(7, 13)
			w.log.append(others...)
			w.publish(others[6])
		},
		"found when the bus has lost its connection": func(w *world, m *mender) {
			others := w.another(7, 12)
			w.log.append(others...)
			w.bus.gap()
			w.publish(others[5]) // it would fit
		},
		"found when nothing seems to be missing": func(w *world, m *mender) {
			w.log.append(w.another(7, 11)...)
			w.bus.gap()
		},
		"found when too much was missed": func(w *world, m *mender) {
			w.log.append(w.another(7, 12+1024)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inMendedWorld(t, func(w *world, m *mender) {
				old := w.losesWhatWasSeen()
				goOn(w, m)
				settled(3 * time.Second)
				require.True(t, old.reset)
				require.Equal(t, "another epoch", old.epoch)
				require.Equal(t, []uint64{11}, m.forked)
				require.EqualValues(t, 11, old.has())

				again := w.subscribes(after(0))
				next := w.another(w.log.head()+1, w.log.head()+1)
				w.publish(next...)
				settled(time.Millisecond)
				require.Equal(t, next[0].Seq, again.has())
				require.False(t, again.reset)
				require.EqualValues(t, 11, old.has())
			})
		})
	}
}

// While the new epoch cannot be recorded nobody is given another history, and nobody is
// told that all is well.
func TestHub_recordsTheForkBeforeItSaysReset(t *testing.T) {
	inMendedWorld(t, func(w *world, m *mender) {
		old := w.losesWhatWasSeen()
		others := w.another(7, 12)
		w.log.append(others...)
		m.failWith(domain.Unavailable("Redis", errors.New("away")))
		w.publish(others...)
		settled(10 * time.Second)
		require.False(t, old.reset)
		require.EqualValues(t, 11, old.has())
		m.failWith(nil)
		settled(10 * time.Second)
		require.True(t, old.reset)
	})
}

// An event that begins an epoch ends what was subscribed before it, wherever that is.
func TestHub_resetsAtANewEpoch(t *testing.T) {
	mayReset := func(w *world, from domain.Cursor) *sink {
		s := &sink{t: w.t, from: from, mayReset: true}
		s.subscribe(w, alice.ID)
		return s
	}
	requireReset := func(t *testing.T, w *world, s *sink, at uint64) {
		t.Helper()
		require.True(t, s.reset)
		require.EqualValues(t, at, s.head)
		require.EqualValues(t, at, s.has())
		require.Equal(t, w.hist.Events[at-1].ID, s.epoch)
	}
	t.Run("members", func(t *testing.T) {
		inWorld(t, fanout.HubConfig{}, func(w *world) {
			w.posts(5)
			old := mayReset(w, after(0))
			settled(time.Millisecond)
			w.happens(w.hist.Add(domain.Event{Kind: domain.RoomReset}))
			w.posts(3)
			settled(time.Millisecond)
			requireReset(t, w, old, 7)
			for _, from := range []domain.Cursor{after(0), after(7), live} {
				s := w.subscribes(from)
				w.posts(1)
				settled(time.Millisecond)
				require.EqualValues(t, w.head(), s.has())
				require.False(t, s.reset)
			}
		})
	})
	t.Run("who is catching up", func(t *testing.T) {
		inWorld(t, fanout.HubConfig{}, func(w *world) {
			w.posts(3000)
			slow := &sink{t: t, from: after(0), mayReset: true, full: make(chan struct{})}
			slow.subscribe(w, alice.ID)
			settled(time.Millisecond)
			w.happens(w.hist.Add(domain.Event{Kind: domain.RoomReset}))
			settled(time.Millisecond)
			require.True(t, slow.reset)
			close(slow.full)
		})
	})
	t.Run("a room that jumps over it", func(t *testing.T) {
		inWorld(t, fanout.HubConfig{RepairLimit: 10}, func(w *world) {
			w.posts(5)
			old := mayReset(w, live)
			w.log.append(domaintest.RecordOf(w.hist.Add(domain.Event{Kind: domain.RoomReset})))
			w.logs(100)
			w.posts(1)
			settled(time.Millisecond)
			requireReset(t, w, old, 7)
		})
	})
}
