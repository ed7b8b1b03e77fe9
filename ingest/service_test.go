package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"confab/domain"
	"confab/domain/domaintest"
)

func TestService_conversation(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		n := s.node()
		created, err := n.CreateRoom(s.ctx(), ada, "tea", domain.Public, "")
		require.NoError(t, err)
		require.EqualValues(t, 1, created.Event.Seq)
		room := created.Event.Room
		require.NoError(t, n.AddMember(s.ctx(), bob, room, bob))
		posted, err := n.PostMessage(s.ctx(), bob, room, "k1", "hi")
		require.NoError(t, err)
		require.EqualValues(t, 3, posted.Event.Seq)
		require.False(t, posted.Duplicate)
		require.Equal(t, "hi", posted.Event.Body)
		require.NoError(t, n.RemoveMember(s.ctx(), bob, room, bob.ID))
		require.Equal(t, []string{"room.created", "member.joined", "hi", "member.left"}, s.checkHistory(room))

		require.NoError(t, n.View(s.ctx(), room, func(r *domain.Room) error {
			require.Equal(t, "tea", r.Name)
			require.Equal(t, domain.Owner, r.RoleOf(ada.ID))
			require.Empty(t, r.RoleOf(bob.ID))
			require.EqualValues(t, 4, r.Seq)
			return nil
		}))
		veto := errors.New("veto")
		require.ErrorIs(t, n.View(s.ctx(), room, func(*domain.Room) error { return veto }), veto)
	})
}

func TestService_refusesBadInput(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	room, hidden := s.room(n, domain.Public), s.room(n, domain.Private)
	for name, c := range map[string]struct {
		want domain.Code
		do   func() error
	}{
		"empty body": {domain.CodeInvalid, func() error { _, err := n.PostMessage(s.ctx(), ada, room, "k", ""); return err }},
		"control":    {domain.CodeInvalid, func() error { _, err := n.PostMessage(s.ctx(), ada, room, "k", "a\x00"); return err }},
		"long body": {domain.CodeTooLarge, func() error {
			_, err := n.PostMessage(s.ctx(), ada, room, "k", strings.Repeat("x", domain.MaxBodyBytes+1))
			return err
		}},
		"long key":       {domain.CodeInvalid, func() error { _, err := n.PostMessage(s.ctx(), ada, room, strings.Repeat("k", 65), "x"); return err }},
		"bad room name":  {domain.CodeInvalid, func() error { _, err := n.CreateRoom(s.ctx(), ada, "", domain.Public, ""); return err }},
		"bad visibility": {domain.CodeInvalid, func() error { _, err := n.CreateRoom(s.ctx(), ada, "x", "open", "k"); return err }},
		"bad room key": {domain.CodeInvalid, func() error {
			_, err := n.CreateRoom(s.ctx(), ada, "x", domain.Public, strings.Repeat("k", 65))
			return err
		}},
		"no room":                         {domain.CodeNotFound, func() error { _, err := n.PostMessage(s.ctx(), ada, newRoomID(), "k", "x"); return err }},
		"no room to join":                 {domain.CodeNotFound, func() error { return n.AddMember(s.ctx(), ada, newRoomID(), ada) }},
		"no room to see":                  {domain.CodeNotFound, func() error { return n.CanRead(s.ctx(), ada.ID, newRoomID()) }},
		"no room id":                      {domain.CodeNotFound, func() error { return n.CanRead(s.ctx(), ada.ID, "../../etc") }},
		"not a room id":                   {domain.CodeNotFound, func() error { _, err := n.PostMessage(s.ctx(), ada, "}", "k", "x"); return err }},
		"nothing to say to a hidden room": {domain.CodeNotFound, func() error { _, err := n.PostMessage(s.ctx(), bob, hidden, "k", ""); return err }},
		"not a member":                    {domain.CodeForbidden, func() error { _, err := n.PostMessage(s.ctx(), bob, room, "k", "x"); return err }},
		"adding others":                   {domain.CodeForbidden, func() error { return n.AddMember(s.ctx(), bob, room, cleo) }},
		"removing others":                 {domain.CodeForbidden, func() error { return n.RemoveMember(s.ctx(), bob, room, ada.ID) }},
	} {
		requireCode(t, c.want, c.do())
		t.Log(name)
	}
	require.Equal(t, []string{"room.created"}, s.checkHistory(room))
	require.Equal(t, []string{"room.created"}, s.checkHistory(hidden))
	require.Equal(t, 2, n.rooms.len(), "rooms that do not exist are not cached")
}

func TestService_aKeyIsUsedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		n, other := s.node(), s.node()
		room := s.room(n, domain.Public)
		require.NoError(t, n.AddMember(s.ctx(), bob, room, bob))
		require.EqualValues(t, 3, s.says(n, ada, room, "k1", "one"))
		require.EqualValues(t, 4, s.says(n, bob, room, "k1", "bob's own"))

		again := func(when string) {
			t.Helper()
			for _, node := range []*Service{n, other, s.node()} {
				r, err := node.PostMessage(s.ctx(), ada, room, "k1", "one")
				require.NoError(t, err, when)
				require.True(t, r.Duplicate, when)
				require.EqualValues(t, 3, r.Event.Seq, when)
				require.Equal(t, "one", r.Event.Body, when)
				_, err = node.PostMessage(s.ctx(), ada, room, "k1", "another")
				requireCode(t, domain.CodeConflict, err)
			}
		}
		again("at once")
		s.project()
		again("archived")
		s.trim(room, 4)
		again("trimmed")
		require.EqualValues(t, 5, s.says(n, ada, room, "k2", "two"), "a new key in a trimmed room")
		require.EqualValues(t, 6, s.says(n, ada, room, "k3", "three"))
		s.project()
		require.NoError(t, client.XTrimMinID(s.ctx(), partition.Room(room), "0-6").Err())
		r, err := s.node().PostMessage(s.ctx(), bob, room, "k1", "bob's own")
		require.NoError(t, err, "the hash knows the key, and only the archive has the event")
		require.EqualValues(t, 4, r.Event.Seq)
		require.NoError(t, client.FlushAll(s.ctx()).Err())
		again("forgotten")
		require.Equal(t, []string{"room.created", "member.joined", "one", "bob's own", "two", "three"}, s.checkHistory(room))
	})
}

func TestService_aKeyStaysUsedAfterLeaving(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	room := s.room(n, domain.Public)
	require.NoError(t, n.AddMember(s.ctx(), bob, room, bob))
	seq := s.says(n, bob, room, "k", "farewell")
	require.NoError(t, n.RemoveMember(s.ctx(), bob, room, bob.ID))
	for range 2 {
		r, err := n.PostMessage(s.ctx(), bob, room, "k", "farewell")
		require.NoError(t, err)
		require.True(t, r.Duplicate)
		require.Equal(t, seq, r.Event.Seq)
		_, err = n.PostMessage(s.ctx(), bob, room, "k", "or not")
		requireCode(t, domain.CodeConflict, err)
		_, err = n.PostMessage(s.ctx(), bob, room, "new", "hello?")
		requireCode(t, domain.CodeForbidden, err)
		s.project()
		s.trim(room, 4) // and now from the archive
	}
}

func TestService_oneKeyThroughTwoNodesAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		nodes := []*Service{s.node(), s.node()}
		room := s.room(nodes[0], domain.Public)
		const keys = 30
		var mu sync.Mutex
		firsts, seqs := 0, map[string][]uint64{}
		var g errgroup.Group
		for i := range keys * len(nodes) {
			g.Go(func() error {
				key := fmt.Sprint("key ", i/len(nodes))
				r, err := nodes[i%len(nodes)].PostMessage(s.ctx(), ada, room, key, key)
				mu.Lock()
				defer mu.Unlock()
				if !r.Duplicate {
					firsts++
				}
				seqs[key] = append(seqs[key], r.Event.Seq)
				return err
			})
		}
		require.NoError(t, g.Wait())
		require.Equal(t, keys, firsts)
		for key, got := range seqs {
			require.Len(t, slices.Compact(got), 1, key)
		}
		require.Len(t, s.checkHistory(room), 1+keys)
	})
}

func TestService_createRoomIsIdempotent(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		n := s.node()
		first, err := n.CreateRoom(s.ctx(), ada, "tea", domain.Private, "k")
		require.NoError(t, err)
		require.False(t, first.Duplicate)
		for _, forget := range []func(){
			func() {},
			s.project,
			func() { require.NoError(t, client.FlushAll(s.ctx()).Err()) },
			func() { s.says(n, ada, first.Event.Room, "k2", "x"); s.project(); s.trim(first.Event.Room, 2) },
		} {
			forget()
			for _, node := range []*Service{n, s.node()} {
				again, err := node.CreateRoom(s.ctx(), ada, "tea", domain.Private, "k")
				require.NoError(t, err)
				require.True(t, again.Duplicate)
				require.Equal(t, first.Event, again.Event)
				_, err = node.CreateRoom(s.ctx(), ada, "coffee", domain.Private, "k")
				requireCode(t, domain.CodeConflict, err)
			}
		}
		bobs, err := n.CreateRoom(s.ctx(), bob, "tea", domain.Private, "k")
		require.NoError(t, err)
		require.NotEqual(t, first.Event.Room, bobs.Event.Room)

		var g errgroup.Group
		rooms := make([]domain.RoomID, 20)
		nodes := []*Service{n, s.node()}
		for i := range rooms {
			g.Go(func() error {
				r, err := nodes[i%2].CreateRoom(s.ctx(), ada, "race", domain.Public, "race")
				rooms[i] = r.Event.Room
				return err
			})
		}
		require.NoError(t, g.Wait())
		require.Len(t, slices.Compact(rooms), 1)
		require.Equal(t, []string{"room.created"}, s.checkHistory(rooms[0]))
	})
}

// What one node acks, all other nodes go by at once, although they cache.
func TestService_cachesAreNeverToldFrom(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		a, b := s.node(), s.node()
		room := s.room(a, domain.Public)
		secret := s.room(a, domain.Private)
		_, err := b.PostMessage(s.ctx(), bob, room, "k0", "x")
		requireCode(t, domain.CodeForbidden, err)
		requireCode(t, domain.CodeNotFound, b.CanRead(s.ctx(), bob.ID, secret))
		for i := range 3 { // b has the state before in its cache each time
			require.NoError(t, a.AddMember(s.ctx(), bob, room, bob))
			require.NoError(t, a.AddMember(s.ctx(), ada, secret, bob))
			s.says(b, bob, room, fmt.Sprint("k", i), "in")
			s.says(b, bob, secret, fmt.Sprint("k", i), "in")
			require.NoError(t, b.CanRead(s.ctx(), bob.ID, secret))

			require.NoError(t, a.RemoveMember(s.ctx(), bob, room, bob.ID))
			require.NoError(t, a.RemoveMember(s.ctx(), ada, secret, bob.ID))
			_, err := b.PostMessage(s.ctx(), bob, room, fmt.Sprint("out", i), "out")
			requireCode(t, domain.CodeForbidden, err)
			_, err = b.PostMessage(s.ctx(), bob, secret, fmt.Sprint("out", i), "out")
			requireCode(t, domain.CodeNotFound, err)
			requireCode(t, domain.CodeNotFound, b.CanRead(s.ctx(), bob.ID, secret))
			require.NoError(t, b.RemoveMember(s.ctx(), bob, room, bob.ID), "there is nothing to leave")
			s.project()
		}
		require.EqualValues(t, 1+3*3, s.head(room))
	})
}

func TestService_everybodyJoinsAndTalksAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		s := newSystem(t, client)
		nodes := []*Service{s.node(), s.node(), s.node()}
		room := s.room(nodes[0], domain.Public)
		const users = 40
		var g errgroup.Group
		for i := range users {
			u := domain.User{ID: domain.UserID(domain.NewID()), Name: fmt.Sprint("user ", i)}
			g.Go(func() error {
				// Through another node each time.
				for try := range 3 {
					if err := nodes[(i+try)%3].AddMember(s.ctx(), u, room, u); err != nil {
						return err
					}
					if _, err := nodes[(i+try+1)%3].PostMessage(s.ctx(), u, room, fmt.Sprint(try), u.Name); err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, g.Wait())
		story := s.checkHistory(room)
		require.Len(t, story, 1+users*(1+3))
		joins := 0
		for _, what := range story {
			if what == string(domain.MemberJoined) {
				joins++
			}
		}
		require.Equal(t, users, joins)
		for _, n := range nodes {
			require.NoError(t, n.View(s.ctx(), room, func(r *domain.Room) error {
				require.Len(t, r.Members, users+1)
				return nil
			}))
		}
	})
}

// Who is in a private room may read it, and who has left may not, however many others come and
// go, on a Redis that has lost nothing.
func TestService_membersComeAndGoAtOnce(t *testing.T) {
	s := newSystem(t, realRedis(t))
	nodes := []*Service{s.node(), s.node()}
	room := s.room(nodes[0], domain.Private)
	var people errgroup.Group
	for i := range 24 {
		u := domain.User{ID: domain.UserID(domain.NewID()), Name: fmt.Sprint("guest ", i)}
		people.Go(func() error {
			for try := range 20 {
				changes, reads := nodes[i%2], nodes[(i+try)%2]
				if err := changes.AddMember(s.ctx(), ada, room, u); err != nil {
					return err
				}
				if err := reads.CanRead(s.ctx(), u.ID, room); err != nil {
					return fmt.Errorf("a member: %w", err)
				}
				if err := changes.RemoveMember(s.ctx(), u, room, u.ID); err != nil {
					return err
				}
				if reads.CanRead(s.ctx(), u.ID, room) == nil {
					return errors.New("somebody who has left may read")
				}
			}
			return nil
		})
	}
	require.NoError(t, people.Wait())
	for _, n := range nodes {
		require.Zero(t, n.rooms.get(room).version().repairs, "nothing was lost")
	}
}

func TestService_stateFromViewsStreamAndArchive(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	room := s.room(n, domain.Public)
	views := &oldViews{Views: s.store}
	s.project()
	views.keep(t, room)
	require.NoError(t, n.AddMember(s.ctx(), bob, room, bob))
	s.project()
	s.says(n, bob, room, "k1", "x")
	s.trim(room, 3)
	require.NoError(t, n.AddMember(s.ctx(), cleo, room, cleo))
	// Event 1 is in the old views, 2 in the archive only, 3 and 4 in the stream only.
	late := s.node(func(c *Config) { c.Views = views })
	require.NoError(t, late.View(s.ctx(), room, func(r *domain.Room) error {
		require.Len(t, r.Members, 3)
		require.EqualValues(t, 4, r.Seq)
		return nil
	}))
}

// oldViews keep telling of a room what they knew once.
type oldViews struct {
	domain.Views
	room *domain.Room
}

func (v *oldViews) keep(t *testing.T, id domain.RoomID) {
	var err error
	v.room, err = v.Views.Room(context.Background(), id)
	require.NoError(t, err)
}

func (v *oldViews) Room(context.Context, domain.RoomID) (*domain.Room, error) {
	return v.room, nil
}

func TestService_acksWhatIsDurable(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	durable := &gate{open: make(chan struct{})}
	n := s.node(func(c *Config) { c.Durable = durable })
	short, cancel := context.WithTimeout(s.ctx(), 50*time.Millisecond)
	defer cancel()
	_, err := n.CreateRoom(short, ada, "tea", domain.Public, "k")
	requireCode(t, domain.CodeUnavailable, err)

	done := make(chan error)
	for range 2 { // the first one again, and a duplicate of that
		go func() {
			r, err := n.CreateRoom(s.ctx(), ada, "tea", domain.Public, "k")
			if err == nil && (!r.Duplicate || r.Event.Seq != 1) {
				err = fmt.Errorf("%+v", r)
			}
			done <- err
		}()
	}
	select {
	case err := <-done:
		t.Fatalf("answered before it was durable: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(durable.open)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
}

func TestService_doesNotInsistOnTheViews(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	never := &gate{open: make(chan struct{})}
	n := s.node(func(c *Config) { c.Projected = never })
	room := s.room(n, domain.Public) // waits, and then answers all the same
	s.says(n, ada, room, "k", "messages do not wait")
	require.EqualValues(t, 1, never.asked)
}

// gate is an Awaiter that waits until it is open.
type gate struct {
	open  chan struct{}
	mu    sync.Mutex
	asked int
}

func (g *gate) Await(ctx context.Context, _ domain.RoomID, _ uint64) error {
	g.mu.Lock()
	g.asked++
	g.mu.Unlock()
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestService_limitsSends(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	now := time.Unix(1e9, 0)
	n := s.node(func(c *Config) {
		c.Limits, c.SendRate, c.SendBurst = true, 1, 3
		c.Now = func() time.Time { return now }
	})
	room := s.room(n, domain.Public)
	for i := range 3 {
		s.says(n, ada, room, fmt.Sprint(i), "x")
	}
	_, err := n.PostMessage(s.ctx(), ada, room, "4", "x")
	requireCode(t, domain.CodeRateLimited, err)
	var e *domain.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, time.Second, e.RetryAfter)
	now = now.Add(time.Second)
	s.says(n, ada, room, "4", "x")
}

func TestService_outages(t *testing.T) {
	server := domaintest.StartRedis(t)
	s := newSystem(t, clientOf(t, server.Addr))
	n := s.node()
	room := s.room(n, domain.Public)
	s.says(n, ada, room, "k1", "before")
	s.project()
	s.trim(room, 2)

	s.store.Fail(errors.New("disk on fire"))
	_, err := n.PostMessage(s.ctx(), ada, room, "k2", "needs the archive")
	requireCode(t, domain.CodeUnavailable, err)
	requireCode(t, domain.CodeUnavailable, s.node().CanRead(s.ctx(), ada.ID, room))
	s.store.Fail(nil)
	s.says(n, ada, room, "k2", "needs the archive")

	server.Kill()
	_, err = n.PostMessage(s.ctx(), ada, room, "k3", "after")
	requireCode(t, domain.CodeUnavailable, err)
	requireCode(t, domain.CodeUnavailable, n.CanRead(s.ctx(), ada.ID, room))
	_, err = n.CreateRoom(s.ctx(), ada, "x", domain.Public, "")
	requireCode(t, domain.CodeUnavailable, err)
	server.Restart()
	require.Eventually(t, func() bool {
		_, err := n.PostMessage(s.ctx(), ada, room, "k3", "after")
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, []string{"room.created", "before", "needs the archive", "after"}, s.checkHistory(room))
}

func TestService_givesUpOnARoomThatNeverSettles(t *testing.T) {
	s := newSystem(t, miniRedis(t))
	n := s.node()
	room := s.room(n, domain.Public)
	stuck := s.node(func(c *Config) { c.Publisher = alwaysStale{} })
	_, err := stuck.PostMessage(s.ctx(), ada, room, "k", "x")
	requireCode(t, domain.CodeUnavailable, err)
}

type alwaysStale struct{}

func (alwaysStale) Append(context.Context, Append) (uint64, error) { return 0, &StaleError{State: 99} }

func TestNewService_needs(t *testing.T) {
	_, err := NewService(Config{})
	require.ErrorContains(t, err, "publisher")
	s := newSystem(t, miniRedis(t))
	reg := prometheus.NewRegistry()
	_ = s.node(func(c *Config) { c.Registerer = reg })
	_, err = NewService(Config{
		Publisher: alwaysStale{}, Redis: s.redis, Stream: testStream{}, Archive: s.store, Views: s.store, Partitions: 1, Registerer: reg,
	})
	require.Error(t, err, "its metrics are registered already")
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		require.True(t, strings.HasPrefix(f.GetName(), "confab_ingest_"), f.GetName())
	}
}
