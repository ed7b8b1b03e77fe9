package ingest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"confab/domain"
)

// Whatever Redis forgets, the room goes on where it was: no seq is issued twice, no
// key is used twice, members stay members, and everything is archived once.
func TestRepair(t *testing.T) {
	room, meta, log := partition.Room, partition.Meta, partition.Log()
	for name, c := range map[string]struct {
		projected bool // everything, or only what happened first
		lost      int  // events of which nothing is left
		forget    func(s *system, id domain.RoomID)
	}{
		"nothing":              {forget: func(*system, domain.RoomID) {}},
		"all, after a restart": {projected: true, forget: func(s *system, _ domain.RoomID) { s.redis.FlushAll(s.ctx()) }},
		"the stream":           {projected: true, forget: func(s *system, id domain.RoomID) { s.redis.Del(s.ctx(), room(id)) }},
		"the stream, not yet archived": {forget: func(s *system, id domain.RoomID) {
			s.redis.Del(s.ctx(), room(id))
		}},
		"the meta hash":                   {projected: true, forget: func(s *system, id domain.RoomID) { s.redis.Del(s.ctx(), meta(id)) }},
		"the meta hash, not yet archived": {forget: func(s *system, id domain.RoomID) { s.redis.Del(s.ctx(), meta(id)) }},
		"both, not yet archived":          {forget: func(s *system, id domain.RoomID) { s.redis.Del(s.ctx(), meta(id), room(id)) }},
		"the log and the meta hash, not yet archived": {forget: func(s *system, id domain.RoomID) {
			s.redis.Del(s.ctx(), log, meta(id))
		}},
		"the log and the stream": {projected: true, forget: func(s *system, id domain.RoomID) { s.redis.Del(s.ctx(), log, room(id)) }},
		"the log and the stream, not yet archived": {lost: 7, forget: func(s *system, id domain.RoomID) {
			s.redis.Del(s.ctx(), log, room(id))
		}},
		"all, not yet archived": {lost: 7, forget: func(s *system, _ domain.RoomID) { s.redis.FlushAll(s.ctx()) }},
		"a tail, as in a failover": {projected: true, forget: func(s *system, id domain.RoomID) {
			s.redis.XDel(s.ctx(), room(id), "0-19", "0-18")
			s.redis.HSet(s.ctx(), meta(id), "head", 17)
		}},
		"the middle of the stream and the meta hash": {forget: func(s *system, id domain.RoomID) {
			s.redis.XDel(s.ctx(), room(id), "0-15")
			s.redis.Del(s.ctx(), meta(id))
		}},
		"who changed the room last": {forget: func(s *system, id domain.RoomID) { s.redis.HSet(s.ctx(), meta(id), "state", 1) }},
		"the head":                  {forget: func(s *system, id domain.RoomID) { s.redis.HSet(s.ctx(), meta(id), "head", 12) }},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, client redis.UniversalClient) {
				s := newSystem(t, client)
				n := s.node()
				id := s.room(n, domain.Public)
				for i := 2; i <= 11; i++ {
					s.says(n, ada, id, fmt.Sprint("k", i), fmt.Sprint("message ", i))
				}
				require.NoError(t, n.AddMember(s.ctx(), bob, id, bob))
				s.project() // 1 to 12
				for i := 13; i <= 17; i++ {
					s.says(n, bob, id, fmt.Sprint("k", i), fmt.Sprint("message ", i))
				}
				s.says(n, ada, id, "k18", "message 18")
				s.says(n, ada, id, "k19", "message 19")
				if c.projected {
					s.project()
				}
				c.forget(s, id)

				// The first of two nodes that find out has seen everything, the other nothing.
				nodes := []*Service{n, s.node()}
				r, err := n.PostMessage(s.ctx(), ada, id, "k20", "message 20")
				require.NoError(t, err)
				require.EqualValues(t, 20, r.Event.Seq)
				var g errgroup.Group
				for i, node := range nodes {
					g.Go(func() error {
						if _, err := node.PostMessage(s.ctx(), bob, id, fmt.Sprint("new ", i), "new"); err != nil {
							return err
						}
						for seq := 2; seq <= 19-c.lost; seq++ {
							u := ada
							if seq == 12 {
								continue
							}
							if seq >= 13 && seq <= 17 {
								u = bob
							}
							r, err := node.PostMessage(s.ctx(), u, id, fmt.Sprint("k", seq), fmt.Sprint("message ", seq))
							if err != nil || !r.Duplicate || r.Event.Seq != uint64(seq) {
								return fmt.Errorf("message %d again: %+v, %w", seq, r, err)
							}
						}
						return node.View(s.ctx(), id, func(r *domain.Room) error {
							if len(r.Members) != 2 || r.RoleOf(bob.ID) != domain.Ordinary {
								return fmt.Errorf("members are %v", r.Members)
							}
							return nil
						})
					})
				}
				require.NoError(t, g.Wait())

				story := s.checkHistory(id)
				require.Len(t, story, 22)
				lost := 0
				for _, what := range story {
					if what == string(domain.EventLost) || what == string(domain.RoomReset) {
						lost++
					}
				}
				// Whoever saw what is lost must hear of it.
				require.Equal(t, lost > 0, slices.Contains(story, string(domain.RoomReset)))
				require.Equal(t, c.lost, lost)
			})
		})
	}
}

// The hash knows the key, and the event is in the log only.
// Redis loses the middle of a room and then all of it, and nothing is archived yet: what was
// logged again after the first loss does not hide what was logged before it.
func TestRepair_twiceBeforeTheProjector(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		n := s.node()
		id := s.room(n, domain.Public)
		story := []string{string(domain.RoomCreated)}
		says := func() {
			story = append(story, fmt.Sprint("message ", len(story)+1))
			s.says(n, ada, id, fmt.Sprint("k", len(story)), story[len(story)-1])
		}
		for range 11 {
			says()
		}
		s.redis.XDel(s.ctx(), partition.Room(id), "0-11")
		s.redis.Del(s.ctx(), partition.Meta(id))
		says()
		s.redis.Del(s.ctx(), partition.Room(id), partition.Meta(id))
		says()
		require.Equal(t, story, s.checkHistory(id))
	})
}

func TestRepair_byAKnownKey(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	id := s.room(n, domain.Public)
	s.says(n, ada, id, "k", "x")
	require.NoError(t, s.redis.Del(s.ctx(), partition.Room(id)).Err())
	r, err := n.PostMessage(s.ctx(), ada, id, "k", "x")
	require.NoError(t, err)
	require.True(t, r.Duplicate)
	require.EqualValues(t, 2, r.Event.Seq)
	require.Equal(t, []string{"room.created", "x"}, s.checkHistory(id))
}

func TestRepair_manyNodesAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		first := s.node()
		id := s.room(first, domain.Public)
		for i := range 30 {
			s.says(first, ada, id, fmt.Sprint("k", i), "x")
		}
		s.project()
		for round := range 3 {
			require.NoError(t, client.FlushAll(s.ctx()).Err())
			var g errgroup.Group
			for i := range 4 {
				n := s.node()
				for j := range 4 {
					g.Go(func() error {
						_, err := n.PostMessage(s.ctx(), ada, id, fmt.Sprint(round, i, j), "x")
						return err
					})
				}
			}
			require.NoError(t, g.Wait())
			require.Len(t, s.checkHistory(id), 31+(round+1)*16)
		}
	})
}

// A reader alone makes Redis whole again too, so that it reads from there.
func TestRepair_byReading(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	id := s.room(n, domain.Private)
	s.says(n, ada, id, "k", "x")
	s.project()
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	for _, node := range []*Service{n, s.node()} {
		require.NoError(t, node.CanRead(s.ctx(), ada.ID, id))
		requireCode(t, domain.CodeNotFound, node.CanRead(s.ctx(), bob.ID, id))
	}
	require.EqualValues(t, 2, s.head(id))
	s.checkHistory(id)
}

func TestRepair_putsBackTheHotWindowOnly(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	id := s.room(n, domain.Public)
	for i := range 99 {
		s.says(n, ada, id, fmt.Sprint("k", i), "x")
	}
	s.project()
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	require.NoError(t, s.node().CanRead(s.ctx(), ada.ID, id))
	require.EqualValues(t, 10, s.redis.XLen(s.ctx(), partition.Room(id)).Val())
	meta := s.redis.HGetAll(s.ctx(), partition.Meta(id)).Val()
	require.Len(t, meta, 3+10)
	require.Equal(t, "91", meta["since"])
	require.Equal(t, "1", meta["state"])
	require.Zero(t, s.redis.XLen(s.ctx(), partition.Log()).Val(), "the archive has everything")

	// What is not archived is put back however much it is.
	for i := range 30 {
		s.says(n, ada, id, fmt.Sprint("new ", i), "x")
	}
	require.NoError(t, s.redis.Del(s.ctx(), partition.Room(id)).Err())
	s.says(n, ada, id, "one more", "x")
	require.EqualValues(t, 31, s.redis.XLen(s.ctx(), partition.Room(id)).Val())
	require.Len(t, s.checkHistory(id), 131)
}

// An event that Redis has lost may be on its way into the archive.
func TestRepair_waitsForTheArchive(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node(func(c *Config) { c.LostAfter = 30 * time.Second })
	id := s.room(n, domain.Public)
	s.says(n, ada, id, "k", "x")
	entries, err := s.redis.XRange(s.ctx(), partition.Log(), "-", "+").Result()
	require.NoError(t, err)
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())

	var g errgroup.Group
	g.Go(func() error {
		_, err := n.PostMessage(s.ctx(), ada, id, "k2", "y")
		return err
	})
	for _, entry := range entries {
		rec, err := domain.DecodeRecord([]byte(entry.Values["payload"].(string)))
		require.NoError(t, err)
		require.NoError(t, s.store.Project(s.ctx(), []domain.Record{rec}))
	}
	require.NoError(t, g.Wait())
	require.Equal(t, []string{"room.created", "x", "y"}, s.checkHistory(id))
}

// A room of which nothing is left at all does not exist any more.
func TestRepair_roomThatIsGone(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	id := s.room(n, domain.Public)
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	for range 2 {
		_, err := n.PostMessage(s.ctx(), ada, id, "k", "x")
		requireCode(t, domain.CodeNotFound, err)
		requireCode(t, domain.CodeNotFound, n.CanRead(s.ctx(), ada.ID, id))
	}
	require.Zero(t, s.redis.DBSize(s.ctx()).Val())
}

func TestRepair_doesNotWriteOffHalfTheHistory(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	id := s.room(n, domain.Public)
	s.project()
	for i := range 20 { // more than the hot window of these tests
		s.says(n, ada, id, fmt.Sprint("k", i), "x")
	}
	require.NoError(t, s.redis.FlushAll(s.ctx()).Err())
	_, err := n.PostMessage(s.ctx(), ada, id, "k", "x")
	requireCode(t, domain.CodeUnavailable, err)
	require.Zero(t, s.redis.DBSize(s.ctx()).Val())
}

// A plan made on what is no longer so is not carried out.
func TestRepair_oldPlansDoNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		for name, meanwhile := range map[string]func(s *system, n *Service, id domain.RoomID){
			"repaired": func(s *system, n *Service, id domain.RoomID) {
				require.NoError(s.t, s.node().CanRead(s.ctx(), ada.ID, id))
			},
			"repaired and appended": func(s *system, n *Service, id domain.RoomID) { s.says(s.node(), ada, id, "k2", "y") },
			"repaired and trimmed": func(s *system, n *Service, id domain.RoomID) {
				require.NoError(s.t, s.node().CanRead(s.ctx(), ada.ID, id))
				s.trim(id, 2)
			},
			"meta only": func(s *system, _ *Service, id domain.RoomID) {
				require.NoError(s.t, client.HSet(s.ctx(), partition.Meta(id), "since", 1).Err())
			},
			"told more by a node": func(s *system, _ *Service, id domain.RoomID) {
				require.NoError(s.t, client.HSet(s.ctx(), partition.Salvage(id), "floor:3", "").Err())
			},
			"stream only": func(s *system, _ *Service, id domain.RoomID) {
				require.NoError(s.t, client.XAdd(s.ctx(), &redis.XAddArgs{Stream: partition.Room(id), ID: "0-1", Values: []string{"payload", "x"}}).Err())
			},
			"stream only, and empty": func(s *system, _ *Service, id domain.RoomID) {
				require.NoError(s.t, client.XAdd(s.ctx(), &redis.XAddArgs{Stream: partition.Room(id), ID: "0-1", Values: []string{"payload", "x"}}).Err())
				require.NoError(s.t, client.XDel(s.ctx(), partition.Room(id), "0-1").Err())
			},
		} {
			s := newSystem(t, client)
			require.NoError(t, client.FlushAll(s.ctx()).Err())
			n := s.node()
			id := s.room(n, domain.Public)
			s.says(n, ada, id, "k", "x")
			s.project()
			require.NoError(t, client.FlushAll(s.ctx()).Err())
			found, err := n.repairs.survey(s.ctx(), id)
			require.NoError(t, err)
			plan, err := n.repairs.plan(s.ctx(), found, 0)
			require.NoError(t, err)
			meanwhile(s, n, id)
			before := s.redis.HGetAll(s.ctx(), partition.Meta(id)).Val()
			done, err := n.repairs.carryOut(s.ctx(), found, plan)
			require.NoError(t, err)
			require.False(t, done, name)
			require.Equal(t, before, s.redis.HGetAll(s.ctx(), partition.Meta(id)).Val(), name)
		}
	})
}

// The states of many rooms are read at once; a room in whose place somebody has put
// something else is no harm to the others.
func TestStatesInRedis_ofASpoiledRoom(t *testing.T) {
	s := newSystem(t, realRedis(t))
	n := s.node()
	sound, strange, spoiled := s.room(n, domain.Public), s.room(n, domain.Public), s.room(n, domain.Public)
	require.NoError(t, s.redis.HSet(s.ctx(), partition.Meta(strange), "state", "x").Err())
	require.NoError(t, s.redis.Set(s.ctx(), partition.Meta(spoiled), "x", 0).Err())
	rooms := []domain.RoomID{spoiled, sound, strange, domain.RoomID(domain.NewID())}
	states, err := n.statesInRedis(s.ctx(), slices.Repeat(rooms, page)...) // more than one pipeline takes
	require.NoError(t, err)
	require.Equal(t, slices.Repeat([]uint64{0, 1, 0, 0}, page), states)
	require.NoError(t, n.CanRead(s.ctx(), ada.ID, strange), "repaired")
	require.Error(t, n.CanRead(s.ctx(), ada.ID, spoiled))
	require.NoError(t, n.CanRead(s.ctx(), ada.ID, sound))
}
