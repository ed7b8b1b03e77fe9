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
	mu    sync.Mutex
	asked []uint64
	mend  func() error
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
	cfg := fanout.HubConfig{Repair: m.repair}
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

// Redis loses events that were delivered here: they are put back from here, and the
// subscribers notice nothing.
func TestHub_putsBackWhatRedisLost(t *testing.T) {
	inMendedWorld(t, func(w *world, m *mender) {
		s := w.subscribes(live)
		w.posts(50)
		settled(time.Millisecond)
		m.does(func() error {
			held := w.hub.Recent(w.hist.Room)
			assert.Equal(t, w.hist.Records(2, 51), held)
			assert.Equal(t, uint64(31), w.log.head())
			w.log.append(held[30:]...)
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
	} {
		t.Run(name, func(t *testing.T) {
			inMendedWorld(t, func(w *world, m *mender) {
				old := &sink{t: t, from: live, mayReset: true}
				old.subscribe(w, alice.ID)
				w.posts(10)
				settled(time.Millisecond)
				w.log.lose(5)
				goOn(w, m)
				settled(3 * time.Second)
				require.True(t, old.reset)
				require.EqualValues(t, 11, old.has())

				again := w.subscribes(after(0))
				w.publish(w.another(13, 13)...)
				settled(time.Millisecond)
				require.EqualValues(t, 13, again.has())
				require.False(t, again.reset)
				require.EqualValues(t, 11, old.has())
			})
		})
	}
}
