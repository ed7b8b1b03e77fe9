package ingest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"confab/domain"
)

// ring is what a node's subscribers were given lately.
type ring struct {
	held atomic.Pointer[[]domain.Record]
}

func (r *ring) recent(domain.RoomID) []domain.Record {
	if held := r.held.Load(); held != nil {
		return *held
	}
	return nil
}

// delivers makes the ring hold the room's events from … to.
func (r *ring) delivers(s *system, room domain.RoomID, from, to uint64) {
	s.t.Helper()
	held, err := testStream{s.redis}.Range(s.ctx(), room, from-1, int(to-from+1))
	require.NoError(s.t, err)
	require.Len(s.t, held, int(to-from+1))
	r.held.Store(&held)
}

func (r *ring) configure(grace time.Duration) func(*Config) {
	return func(c *Config) { c.Recent, c.Grace = r.recent, grace }
}

// roomOf20 makes a room of 20 events, of which 5 are archived.
func (s *system) roomOf20(n *Service) domain.RoomID {
	s.t.Helper()
	id := s.room(n, domain.Public)
	for i := 2; i <= 20; i++ {
		s.says(n, ada, id, fmt.Sprint("k", i), fmt.Sprint("message ", i))
		if i == 5 {
			s.project()
		}
	}
	return id
}

// Redis and the archive lack the newest events. Of two nodes each holds a part of them,
// and a third, which holds nothing, is the first to be asked for something.
func TestSalvage_allNodesPutBackWhatTheyHold(t *testing.T) {
	for name, forget := range map[string]func(s *system, id domain.RoomID){
		"flushed": func(s *system, _ domain.RoomID) { s.redis.FlushAll(s.ctx()) },
		"promoted without the tail": func(s *system, id domain.RoomID) {
			s.redis.XTrimMaxLen(s.ctx(), partition.Log(), 0)
			for seq := 8; seq <= 20; seq++ {
				s.redis.XDel(s.ctx(), partition.Room(id), streamID(uint64(seq)))
				s.redis.HDel(s.ctx(), partition.Meta(id), domain.KeyField(ada.ID, fmt.Sprint("k", seq)))
			}
			s.redis.Do(s.ctx(), "XSETID", partition.Room(id), "0-7")
			s.redis.HSet(s.ctx(), partition.Meta(id), "head", 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, client redis.UniversalClient) {
				s := newSystem(t, client)
				id := s.roomOf20(s.node())
				before, err := testStream{client}.Range(s.ctx(), id, 0, 100)
				require.NoError(t, err)
				var rings [2]ring
				rings[0].delivers(s, id, 4, 14)
				rings[1].delivers(s, id, 12, 20)
				first, second := s.node(rings[0].configure(time.Minute)), s.node(rings[1].configure(time.Second))
				third := s.node(new(ring).configure(2 * time.Second))
				forget(s, id)

				// The first has found out, and the third's caller comes while it waits.
				var g errgroup.Group
				g.Go(func() error { return first.Repair(s.ctx(), id, 14) })
				require.Eventually(t, func() bool { return client.HLen(s.ctx(), partition.Salvage(id)).Val() > 0 }, 5*time.Second, time.Millisecond)
				g.Go(func() error {
					r, err := third.PostMessage(s.ctx(), ada, id, "k21", "message 21")
					if err == nil && r.Event.Seq != 21 {
						err = fmt.Errorf("the new message is event %d", r.Event.Seq)
					}
					return err
				})
				g.Go(func() error { return second.Repair(s.ctx(), id, 20) })
				require.NoError(t, g.Wait())

				r, err := third.PostMessage(s.ctx(), ada, id, "k17", "message 17")
				require.NoError(t, err)
				require.True(t, r.Duplicate)
				require.EqualValues(t, 17, r.Event.Seq)
				require.Len(t, s.checkHistory(id), 21)
				archived, err := s.store.Range(s.ctx(), id, 0, 20)
				require.NoError(t, err)
				require.Equal(t, before, archived)
				require.Zero(t, client.Exists(s.ctx(), partition.Salvage(id)).Val())
				require.False(t, client.HExists(s.ctx(), partition.Meta(id), "frozen").Val())
			})
		})
	}
}

// While a room is frozen nobody appends, reads an old state, or makes it anew.
func TestSalvage_nothingGoesOnMeanwhile(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	r, err := n.CreateRoom(s.ctx(), ada, "tea", domain.Public, "mine")
	require.NoError(t, err)
	id := r.Event.Room
	var holder ring
	holder.delivers(s, id, 1, 1)
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	other := s.node(new(ring).configure(time.Minute))
	var g errgroup.Group
	g.Go(func() error { return s.node(holder.configure(time.Second)).Repair(s.ctx(), id, 1) })
	require.Eventually(t, func() bool { return s.redis.HLen(s.ctx(), partition.Salvage(id)).Val() > 0 }, 5*time.Second, time.Millisecond)
	again, err := other.CreateRoom(s.ctx(), ada, "tea", domain.Public, "mine")
	require.NoError(t, err)
	require.True(t, again.Duplicate)
	require.Equal(t, r.Event.ID, again.Event.ID)
	require.NoError(t, other.CanRead(s.ctx(), ada.ID, id))
	require.NoError(t, g.Wait())
	require.Equal(t, []string{"room.created"}, s.checkHistory(id))
}

// A seq that nobody holds any more is known to have been issued all the same.
func TestSalvage_whatWasSeenIsNotIssuedAgain(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	id := s.roomOf20(s.node())
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	ignorant, emptied := s.node(new(ring).configure(100*time.Millisecond)), s.node(new(ring).configure(time.Minute))
	var g errgroup.Group
	g.Go(func() error { return emptied.Repair(s.ctx(), id, 9) })
	require.Eventually(t, func() bool { return s.redis.HLen(s.ctx(), partition.Salvage(id)).Val() > 0 }, 5*time.Second, time.Millisecond)
	require.EqualValues(t, 10, s.says(ignorant, ada, id, "new", "new"))
	require.NoError(t, g.Wait())
	story := s.checkHistory(id)
	require.Equal(t, []string{"message 5", "event.lost", "event.lost", "event.lost", "room.reset", "new"}, story[4:])
}

// Where others went on before a node could say what it holds, what they did stays, and
// the node's own version is not mixed into it.
func TestSalvage_ofAnotherHistory(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	id := s.roomOf20(s.node())
	var late ring
	late.delivers(s, id, 4, 9)
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	require.EqualValues(t, 6, s.says(s.node(), ada, id, "other", "another message 6"))
	require.NoError(t, s.node(late.configure(10*time.Millisecond)).Repair(s.ctx(), id, 9))
	story := s.checkHistory(id)
	require.Equal(t, []string{"message 5", "another message 6", "event.lost", "event.lost", "room.reset"}, story[4:])
}

// Two nodes have seen what is not in the history, and others have gone on beyond it: one
// new epoch, and a state without what that other history did.
func TestResetRoom(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	late, now := s.node(), s.node()
	id := s.room(late, domain.Private)
	s.says(late, ada, id, "k", "message 2")
	s.project()
	require.NoError(t, late.AddMember(s.ctx(), ada, id, bob))
	require.NoError(t, late.CanRead(s.ctx(), bob.ID, id))
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	require.NoError(t, now.AddMember(s.ctx(), ada, id, cleo))
	s.says(now, ada, id, "k4", "message 4")

	first, err := late.ResetRoom(s.ctx(), id, 3)
	require.NoError(t, err)
	again, err := s.node().ResetRoom(s.ctx(), id, 4)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, []string{"room.created", "message 2", "member.joined", "message 4", "room.reset"}, s.checkHistory(id))
	require.NoError(t, now.View(s.ctx(), id, func(r *domain.Room) error {
		require.Equal(t, first, r.Epoch)
		require.EqualValues(t, 5, r.EpochSeq)
		return nil
	}))
	for _, n := range []*Service{late, now} {
		require.NoError(t, n.CanRead(s.ctx(), cleo.ID, id))
		requireCode(t, domain.CodeNotFound, n.CanRead(s.ctx(), bob.ID, id))
	}
	_, err = now.ResetRoom(s.ctx(), domain.RoomID(domain.NewID()), 4)
	requireCode(t, domain.CodeNotFound, err)
}

// A node that has only cached the other history hears of it by the new epoch.
func TestResetRoom_ofACachedState(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	late, now := s.node(), s.node()
	id := s.room(late, domain.Private)
	s.project()
	require.NoError(t, late.AddMember(s.ctx(), ada, id, bob))
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	require.NoError(t, now.AddMember(s.ctx(), ada, id, cleo))
	_, err := now.ResetRoom(s.ctx(), id, 2)
	require.NoError(t, err)
	requireCode(t, domain.CodeNotFound, late.CanRead(s.ctx(), bob.ID, id))
	require.NoError(t, late.CanRead(s.ctx(), cleo.ID, id))
}

// Asking for rooms that do not exist costs no wait and writes nothing; a room that is
// gone for good does not stay frozen.
func TestSalvage_roomsThatAreNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		patient := s.node(new(ring).configure(time.Hour))
		requireCode(t, domain.CodeNotFound, patient.CanRead(s.ctx(), ada.ID, domain.RoomID(domain.NewID())))
		require.Zero(t, s.redis.DBSize(s.ctx()).Val())

		n := s.node(new(ring).configure(time.Millisecond))
		id := s.room(n, domain.Public)
		require.NoError(t, client.FlushAll(s.ctx()).Err())
		_, err := n.PostMessage(s.ctx(), ada, id, "k", "x")
		requireCode(t, domain.CodeNotFound, err)
		require.Zero(t, s.redis.DBSize(s.ctx()).Val())
	})
}

// A repair of a room that is sound, or went on meanwhile, waits for nobody.
func TestSalvage_onlyWhenRedisWentBack(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	var r ring
	n := s.node(r.configure(time.Hour))
	id := s.roomOf20(n)
	r.delivers(s, id, 1, 12)
	_, err := n.repairs.repair(s.ctx(), id, 12)
	require.NoError(t, err)
	s.project()
	s.trim(id, 15)
	_, err = n.repairs.repair(s.ctx(), id, 20)
	require.NoError(t, err)
	require.Len(t, s.checkHistory(id), 20)
}

// The salvage hash is written by other nodes, of other versions maybe.
func FuzzSalvaged(f *testing.F) {
	f.Add("floor:9", "")
	f.Add("9", `{"room":"teaaaaaaaaaaaaaaaaaa","seq":9,"kind":"message.posted","id":"x","at":"2026-11-24T11:00:00.123Z","actor":{"id":"","name":""}}`)
	f.Add("-1", "")
	f.Fuzz(func(t *testing.T, field, payload string) {
		r := remains{room: "teaaaaaaaaaaaaaaaaaa"}
		if err := r.addSalvaged(map[string]string{field: payload}); err != nil {
			return
		}
		require.Equal(t, 1, r.fields)
		for _, e := range r.salvaged {
			require.Equal(t, r.floor, e.Seq)
			require.Equal(t, payload, string(e.Payload))
		}
	})
}
