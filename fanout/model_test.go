package fanout_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/fanout"
)

// The reference is simple: every sink gets after+1, after+2, … up to the head, or up
// to what its user may see, and nothing else. Sinks check the density at each call;
// what happens between is random: events that the bus loses, repeats or reorders, a
// projector that archives and trims, a timeline and an access check that fail, sinks
// that stall, and time.
func TestHub_model(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) { // hides t.Deadline, which a bubble does not have
			m := newModel(t)
			stop := m.w.run()
			defer stop()
			t.Repeat(map[string]func(*rapid.T){
				"posts":       m.posts,
				"loses":       m.loses,
				"disorders":   m.disorders,
				"gap":         func(*rapid.T) { m.w.bus.gap() },
				"projects":    m.projects,
				"subscribes":  m.subscribes,
				"closes":      m.closes,
				"leaves":      m.leaves,
				"stalls":      m.stalls,
				"breaks":      m.breaks,
				"time passes": m.timePasses,
				"":            func(*rapid.T) { synctest.Wait() },
			})
			m.heals()
		})
	})
}

type model struct {
	t     *rapid.T
	w     *world
	users []domain.User
	sinks []*modelSink
	left  map[domain.UserID]uint64 // seq of the removal
}

type modelSink struct {
	sink
	user    domain.UserID
	stalled bool
}

func newModel(t *rapid.T) *model {
	m := &model{
		t: t,
		w: newWorld(t, fanout.HubConfig{
			RingFrames:  rapid.IntRange(1, 20).Draw(t, "ring frames"),
			RingBytes:   rapid.IntRange(1, 100).Draw(t, "ring bytes"),
			ChunkBytes:  rapid.IntRange(1, 100).Draw(t, "chunk bytes"),
			RepairLimit: rapid.IntRange(1, 50).Draw(t, "repair limit"),
			Linger:      time.Second,
		}),
		left: map[domain.UserID]uint64{},
	}
	for _, name := range []string{"ada", "bob", "cy"} {
		m.users = append(m.users, domaintest.NewUser(name))
	}
	return m
}

func (m *model) posts(t *rapid.T) { m.w.posts(rapid.IntRange(1, 200).Draw(t, "posted")) }
func (m *model) loses(t *rapid.T) { m.w.logs(rapid.IntRange(1, 200).Draw(t, "lost")) }

func (m *model) disorders(t *rapid.T) {
	from := rapid.IntRange(1, int(m.w.head())).Draw(t, "from")
	records := m.w.hist.Records(from, min(from+10, int(m.w.head())))
	m.w.publish(rapid.Permutation(records).Draw(t, "repeated")...)
}

func (m *model) projects(t *rapid.T) {
	m.w.log.archive(rapid.IntRange(0, 300).Draw(t, "archived"))
	m.w.log.trim(rapid.IntRange(0, 300).Draw(t, "trimmed"))
}

func (m *model) subscribes(t *rapid.T) {
	user := rapid.SampledFrom(m.users).Draw(t, "user")
	from := live
	if rapid.Bool().Draw(t, "resume") {
		from = after(rapid.Uint64Range(0, m.w.head()+1).Draw(t, "after"))
	}
	s := &modelSink{sink: sink{t: m.t, from: from}, user: user.ID}
	head := m.w.head()
	sub, err := m.w.hub.Subscribe(context.Background(), user.ID, m.w.hist.Room, from, s)
	switch {
	case m.left[user.ID] > 0:
		require.Error(t, err)
	case err != nil:
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
	case !from.Live && from.After > head:
		require.True(t, s.reset)
	default:
		require.Equal(t, head, s.head)
		s.sub = sub
		m.sinks = append(m.sinks, s)
	}
}

func (m *model) any(t *rapid.T) *modelSink {
	if len(m.sinks) == 0 {
		t.Skip("no subscriptions")
	}
	return rapid.SampledFrom(m.sinks).Draw(t, "sink")
}

func (m *model) closes(t *rapid.T) {
	s := m.any(t)
	s.sub.Close()
	had := s.has()
	synctest.Wait()
	require.Equal(t, had, s.has())
	m.sinks = slices.DeleteFunc(m.sinks, func(o *modelSink) bool { return o == s })
}

func (m *model) leaves(t *rapid.T) {
	user := rapid.SampledFrom(m.users).Draw(t, "leaver")
	if m.left[user.ID] > 0 || len(m.left) == len(m.users)-1 {
		t.Skip("has left, or is the last")
	}
	e := m.w.hist.Leave(user)
	m.left[user.ID] = e.Seq
	m.w.access.remove(user.ID)
	if rapid.Bool().Draw(t, "heard") {
		m.w.happens(e)
	} else {
		m.w.log.append(domaintest.RecordOf(e))
	}
}

func (m *model) stalls(t *rapid.T) {
	s := m.any(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stalled = !s.stalled; s.stalled {
		s.full = make(chan struct{})
	} else {
		close(s.full)
		s.full = nil
	}
}

func (m *model) breaks(t *rapid.T) {
	err := rapid.SampledFrom([]error{nil, errAway}).Draw(t, "failure")
	switch rapid.IntRange(0, 2).Draw(t, "what") {
	case 0:
		m.w.log.failWith(err)
	case 1:
		m.w.bus.failWith(err)
	case 2:
		if err != nil {
			err = domain.Unavailable("redis", err)
		}
		m.w.access.failWith(err)
	}
}

func (m *model) timePasses(t *rapid.T) {
	settled(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond)
}

// heals ends all trouble, and waits as long as the hub may take.
func (m *model) heals() {
	m.w.log.failWith(nil)
	m.w.bus.failWith(nil)
	m.w.access.failWith(nil)
	for _, s := range m.sinks {
		s.mu.Lock()
		if s.stalled {
			close(s.full)
			s.full = nil
		}
		s.mu.Unlock()
	}
	settled(10 * time.Second)
	for _, s := range m.sinks {
		if left := m.left[s.user]; left > 0 {
			assert.Error(m.t, s.ended)
			assert.LessOrEqual(m.t, s.has(), max(left, s.head), "it got what came after the removal")
			continue
		}
		assert.NoError(m.t, s.ended)
		assert.Equal(m.t, m.w.head(), s.has())
		assert.Equal(m.t, !s.from.Live, s.caughtUp > 0)
	}
}
