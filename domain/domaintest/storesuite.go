package domaintest

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

// StoreOption adjusts TestStore to what a store can do.
type StoreOption func(*storeSuite)

// WithReopen lets the suite check that nothing is lost over a restart: reopen closes
// the store and opens what it kept again.
func WithReopen(reopen func(t *testing.T, s domain.Store) domain.Store) StoreOption {
	return func(s *storeSuite) { s.reopen = reopen }
}

// TestStore is the conformance suite of domain.Store: every sentence of the ports is
// a test. open returns a new, empty store and closes it in t.Cleanup.
//
// It is written for slow servers: tens of events and few queries a test.
func TestStore(t *testing.T, open func(t *testing.T) domain.Store, opts ...StoreOption) {
	s := &storeSuite{open: open}
	for _, o := range opts {
		o(s)
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"an empty store has nothing", s.testEmpty},
		{"the archive returns the same bytes page by page", s.testRange},
		{"keys are found by room, user and key", s.testFindKey},
		{"projecting again changes nothing", s.testIdempotent},
		{"another event under a seq is refused", s.testDiverged},
		{"a gap is refused", s.testGap},
		{"an ended context projects nothing and harms nothing", s.testCancelled},
		{"a room is the fold of its events", s.testFold},
		{"rooms are listed for those who may see them", s.testRooms},
		{"messages are paged both ways", s.testMessages},
		{"user text is only text", s.testHostileText},
		{"rebuilding makes equal views", s.testRebuild},
		{"rooms are written concurrently", s.testConcurrent},
		{"accounts have unique names", s.testAccounts},
		{"sessions end", s.testSessions},
		{"each has a name of its own", s.testID},
		{"a restart loses nothing", s.testReopen},
	} {
		t.Run(test.name, test.run)
	}
}

type storeSuite struct {
	open   func(*testing.T) domain.Store
	reopen func(*testing.T, domain.Store) domain.Store
}

func (s *storeSuite) testEmpty(t *testing.T) {
	ctx, store := t.Context(), s.open(t)
	room, user := domain.RoomID(domain.NewID()), domain.UserID(domain.NewID())

	require.NoError(t, store.Ping(ctx))
	require.NoError(t, store.Project(ctx, nil), "an empty batch is done at once")
	require.NoError(t, store.Rebuild(ctx), "there is nothing to rebuild")
	require.Equal(t, storeSnapshot{}, snapshotOf(t, store, room, user))
	_, err := store.FindKey(ctx, room, user, "key")
	require.ErrorIs(t, err, domain.ErrNotFound)
	_, err = store.Account(ctx, user)
	require.ErrorIs(t, err, domain.ErrNotFound)
	_, err = store.AccountByName(ctx, "ada")
	require.ErrorIs(t, err, domain.ErrNotFound)
	_, err = store.AccountByName(ctx, "")
	require.ErrorIs(t, err, domain.ErrNotFound)
	_, err = store.SessionByToken(ctx, "token", time.Now())
	require.ErrorIs(t, err, domain.ErrNotFound)
	require.ErrorIs(t, store.DeleteSession(ctx, user, "id"), domain.ErrNotFound)
}

func (s *storeSuite) testRange(t *testing.T) {
	ctx, store, h, other := t.Context(), s.open(t), eventfulHistory(), NewHistory("other", domain.Public)
	want, n := h.Records(1, 0), uint64(len(h.Events))
	project(t, store, want[:5], other.Records(1, 0), want[5:6], want[6:])

	for _, page := range []int{1, 4, int(n), 1000} {
		var got []domain.Record
		for {
			var after uint64
			if len(got) > 0 {
				after = got[len(got)-1].Seq
			}
			records, err := store.Range(ctx, h.Room, after, page)
			require.NoError(t, err)
			require.LessOrEqual(t, len(records), page)
			if len(records) == 0 {
				break
			}
			got = append(got, records...)
		}
		require.Equal(t, want, got, "pages of %d", page)
	}
	for _, after := range []uint64{n, n + 1, math.MaxInt64, math.MaxUint64} {
		records, err := store.Range(ctx, h.Room, after, 10)
		require.NoError(t, err)
		require.Empty(t, records, "after %d", after)
	}
	for _, limit := range []int{0, -1} {
		records, err := store.Range(ctx, h.Room, 0, limit)
		require.NoError(t, err)
		require.Empty(t, records, "limit %d", limit)
	}
	head, err := store.Head(ctx, h.Room)
	require.NoError(t, err)
	require.Equal(t, n, head)
}

func (s *storeSuite) testFindKey(t *testing.T) {
	ctx, store := t.Context(), s.open(t)
	a, b, ada, bob := NewHistory("a", domain.Public), NewHistory("b", domain.Public), NewUser("ada"), NewUser("bob")
	for _, h := range []*History{a, b} {
		for _, u := range []domain.User{ada, bob} {
			h.Add(domain.Event{Kind: domain.MessagePosted, Actor: u, Key: "same", Body: string(h.Room) + u.Name})
		}
	}
	joined := a.Join(ada)
	// Never to happen; but if it does, the first keeps the key, and history goes on.
	for range 2 {
		a.Add(domain.Event{Kind: domain.MessagePosted, Actor: ada, Key: "same", Body: "again"})
	}
	n := len(a.Events)
	project(t, store, a.Records(1, n-1), a.Records(n, n), b.Records(1, 0))

	for _, h := range []*History{a, b} {
		for i, u := range []domain.User{ada, bob} {
			rec, err := store.FindKey(ctx, h.Room, u.ID, "same")
			require.NoError(t, err)
			require.Equal(t, RecordOf(h.Events[1+i]), rec)
		}
	}
	rec, err := store.FindKey(ctx, a.Room, ada.ID, joined.Key)
	require.NoError(t, err, "every kind of event has its key")
	require.Equal(t, RecordOf(joined), rec)
	for _, key := range []string{"", "Same", "same ", "sam"} {
		_, err = store.FindKey(ctx, a.Room, ada.ID, key)
		require.ErrorIs(t, err, domain.ErrNotFound, "key %q", key)
	}
}

func (s *storeSuite) testIdempotent(t *testing.T) {
	h := eventfulHistory()
	once, often := s.open(t), s.open(t)
	all, n := h.Records(1, 0), len(h.Events)
	project(t, once, all)

	project(t, often, all[:4], all[:4], all[2:9], all[:1], all[8:9])
	project(t, often, slices.Concat(all[5:12], all[3:]), all[n-1:], all)

	user := h.Owner.ID
	require.Equal(t, snapshotOf(t, once, h.Room, user), snapshotOf(t, often, h.Room, user))
	requireHistory(t, often, h)
}

func (s *storeSuite) testDiverged(t *testing.T) {
	store, h := s.open(t), NewHistory("room", domain.Public).Posts(4)
	project(t, store, h.Records(1, 3))
	forged := h.Records(1, 0)
	e := h.Events[2]
	e.Body = "another message"
	forged[2] = RecordOf(e)
	unarchived := h.Events[3]
	unarchived.Body = "another message"

	for name, batch := range map[string][]domain.Record{
		"alone":                        forged[2:3],
		"followed by what would fit":   forged[2:],
		"behind what is archived":      forged,
		"twice in one batch":           {h.Records(4, 4)[0], RecordOf(unarchived)},
		"a record of another position": {{Room: h.Room, Seq: 4, Payload: forged[4].Payload}},
		"a record of another room":     {{Room: h.Room, Seq: 1, Payload: NewHistory("x", domain.Public).Records(1, 1)[0].Payload}},
		"a record that is no event":    {{Room: h.Room, Seq: 4, Payload: []byte(`{"room":`)}},
	} {
		err := store.Project(t.Context(), batch)
		require.Error(t, err, name)
		if !strings.HasPrefix(name, "a record") {
			require.ErrorIs(t, err, domain.ErrDiverged, name)
		}
		known := &History{Room: h.Room, Owner: h.Owner, Events: h.Events[:3]}
		requireHistory(t, store, known)
	}
	project(t, store, h.Records(4, 0))
	requireHistory(t, store, h)
}

func (s *storeSuite) testGap(t *testing.T) {
	store, h := s.open(t), NewHistory("room", domain.Public).Posts(5)
	other := NewHistory("other", domain.Public)
	all := h.Records(1, 0)
	ctx := t.Context()

	require.ErrorIs(t, store.Project(ctx, all[1:]), domain.ErrGap, "a room begins with 1")
	project(t, store, all[:2])
	require.ErrorIs(t, store.Project(ctx, all[3:]), domain.ErrGap)
	require.ErrorIs(t, store.Project(ctx, []domain.Record{all[2], all[4]}), domain.ErrGap, "a gap in the batch")
	head, err := store.Head(ctx, h.Room)
	require.NoError(t, err)
	require.LessOrEqual(t, head, uint64(3), "nothing behind the gap is archived")
	project(t, store, slices.Concat(all[1:], other.Records(1, 0)))
	requireHistory(t, store, h)
	requireHistory(t, store, other)
}

func (s *storeSuite) testCancelled(t *testing.T) {
	store, h := s.open(t), NewHistory("room", domain.Public).Posts(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, store.Project(ctx, h.Records(1, 0)), context.Canceled)
	project(t, store, h.Records(1, 0))
	requireHistory(t, store, h)
}

func (s *storeSuite) testRebuild(t *testing.T) {
	ctx, store := t.Context(), s.open(t)
	a, b := eventfulHistory(), NewHistory("b", domain.Private).Posts(3)
	all := a.Records(1, 0)
	project(t, store, all[:7], b.Records(1, 0), all[7:])
	account := domain.Account{User: a.Owner, NameKey: "owner", CreatedAt: domain.At(time.Now())}
	require.NoError(t, store.CreateAccount(ctx, account))
	before := []storeSnapshot{snapshotOf(t, store, a.Room, a.Owner.ID), snapshotOf(t, store, b.Room, b.Owner.ID)}

	for range 2 {
		require.NoError(t, store.Rebuild(ctx))
		after := []storeSnapshot{snapshotOf(t, store, a.Room, a.Owner.ID), snapshotOf(t, store, b.Room, b.Owner.ID)}
		require.Equal(t, before, after)
		requireHistory(t, store, a)
	}
	got, err := store.Account(ctx, account.ID)
	require.NoError(t, err, "accounts are no view")
	require.Equal(t, account, got)
	rec, err := store.FindKey(ctx, a.Room, a.Owner.ID, a.Events[0].Key)
	require.NoError(t, err)
	require.Equal(t, all[0], rec)

	b.Posts(1)
	project(t, store, b.Records(4, 0))
	requireHistory(t, store, b)
}

func (s *storeSuite) testID(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		store := s.open(t)
		for range 2 {
			id, err := store.ID(t.Context())
			require.NoError(t, err)
			require.NotEmpty(t, id)
			seen[id] = true
		}
	}
	require.Len(t, seen, 2)
}

func (s *storeSuite) testReopen(t *testing.T) {
	store, h := s.open(t), eventfulHistory()
	if s.reopen == nil {
		t.Log("this store keeps nothing over a restart: not applicable")
		return
	}
	ctx, now := t.Context(), time.Now()
	all := h.Records(1, 0)
	project(t, store, all[:9])
	account := domain.Account{User: h.Owner, NameKey: "owner", CreatedAt: domain.At(now)}
	session := newSession(h.Owner, "t", now, now.Add(time.Hour))
	require.NoError(t, store.CreateAccount(ctx, account))
	require.NoError(t, store.CreateSession(ctx, session))
	before := snapshotOf(t, store, h.Room, h.Owner.ID)
	id, err := store.ID(ctx)
	require.NoError(t, err)

	store = s.reopen(t, store)
	sameID, err := store.ID(ctx)
	require.NoError(t, err)
	require.Equal(t, id, sameID)
	require.Equal(t, before, snapshotOf(t, store, h.Room, h.Owner.ID))
	got, err := store.AccountByName(ctx, "owner")
	require.NoError(t, err)
	require.Equal(t, account, got)
	gotSession, err := store.SessionByToken(ctx, "t", now)
	require.NoError(t, err)
	require.Equal(t, session, gotSession)
	require.ErrorIs(t, store.Project(ctx, all[10:]), domain.ErrGap)

	project(t, store, all[7:])
	requireHistory(t, store, h)
}

// project projects each batch and fails the test on an error.
func project(t *testing.T, s domain.Store, batches ...[]domain.Record) {
	t.Helper()
	for _, batch := range batches {
		require.NoError(t, s.Project(t.Context(), batch))
	}
}

// storeSnapshot is all that a store says of a room, and of the list of rooms of a user.
type storeSnapshot struct {
	Head, Applied uint64
	Room          *domain.Room
	Records       []domain.Record
	Messages      []domain.Message
	Rooms         []domain.RoomSummary
}

func snapshotOf(t *testing.T, s domain.Store, room domain.RoomID, user domain.UserID) (snap storeSnapshot) {
	t.Helper()
	ctx := t.Context()
	var err error
	snap.Head, err = s.Head(ctx, room)
	require.NoError(t, err)
	snap.Applied, err = s.Applied(ctx, room)
	require.NoError(t, err)
	snap.Room, err = s.Room(ctx, room)
	if snap.Applied == 0 {
		require.ErrorIs(t, err, domain.ErrNotFound)
		require.Nil(t, snap.Room)
	} else {
		require.NoError(t, err)
	}
	records, err := s.Range(ctx, room, 0, 1000)
	require.NoError(t, err)
	messages, err := s.Messages(ctx, room, domain.Page{Forward: true, Limit: 1000})
	require.NoError(t, err)
	rooms, err := s.Rooms(ctx, user, "", 1000)
	require.NoError(t, err)
	// Whether an empty list is nil is nobody's business.
	snap.Records = append(snap.Records, records...)
	snap.Messages = append(snap.Messages, messages...)
	snap.Rooms = append(snap.Rooms, rooms...)
	return snap
}

// requireHistory checks that archive and views say what the history says.
func requireHistory(t *testing.T, s domain.Store, h *History) {
	t.Helper()
	got := snapshotOf(t, s, h.Room, h.Owner.ID)
	got.Rooms = nil
	n := uint64(len(h.Events))
	require.Equal(t, storeSnapshot{
		Head: n, Applied: n, Room: h.Fold(), Records: h.Records(1, 0), Messages: h.Messages(),
	}, got)
}

// eventfulHistory is a history with everything in it that a store treats differently.
func eventfulHistory() *History {
	h := NewHistory("eventful", domain.Private)
	ada, bob, guest := NewUser("Ada"), NewUser("Bob"), NewUser("Gäste 客")
	guest.Guest = true
	h.Post(h.Owner, "one")
	h.Join(ada)
	h.Post(ada, "two\nlines, \"quoted\" <b>&amp;</b> \u2028 é 客 👩‍👩‍👧")
	h.Join(bob)
	h.Leave(ada)
	h.Add(domain.Event{Kind: domain.EventLost})
	h.Add(domain.Event{Kind: domain.RoomReset})
	h.Join(guest)
	h.Post(guest, strings.Repeat("long ", 1600))
	h.Join(ada) // again
	h.Leave(bob)
	h.Add(domain.Event{Kind: "message.of_a_newer_version", Actor: ada})
	h.Post(ada, "three")
	h.Leave(guest)
	h.Join(bob)
	h.Leave(bob)
	h.Post(h.Owner, "four")
	return h
}
