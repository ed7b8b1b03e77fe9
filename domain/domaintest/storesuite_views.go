package domaintest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"confab/domain"
)

func (s *storeSuite) testFold(t *testing.T) {
	ctx, store, h := t.Context(), s.open(t), eventfulHistory()
	for at, size := 0, 1; at < len(h.Events); at, size = at+size, size+1 {
		to := min(at+size, len(h.Events))
		project(t, store, h.Records(at+1, to))
		got, err := store.Room(ctx, h.Room)
		require.NoError(t, err)
		require.Equal(t, (&History{Room: h.Room, Events: h.Events[:to]}).Fold(), got, "after %d events", to)

		got.Name = "changed by the caller"
		clear(got.Members)
	}
	requireHistory(t, store, h)
}

func (s *storeSuite) testRooms(t *testing.T) {
	ctx, store := t.Context(), s.open(t)
	ada, bob := NewUser("ada"), NewUser("bob")
	histories := map[string]*History{}
	for _, room := range []struct {
		name string
		v    domain.Visibility
		then func(h *History)
	}{
		{"public, nobody in it", domain.Public, func(*History) {}},
		{"public, ada in it", domain.Public, func(h *History) { h.Join(ada) }},
		{"public, ada left", domain.Public, func(h *History) { h.Join(ada); h.Leave(ada) }},
		{"private, nobody in it", domain.Private, func(*History) {}},
		{"private, both in it", domain.Private, func(h *History) { h.Join(ada); h.Join(bob) }},
		{"private, ada left", domain.Private, func(h *History) { h.Join(ada); h.Leave(ada) }},
		{"private, ada came back", domain.Private, func(h *History) { h.Join(ada); h.Leave(ada); h.Join(ada) }},
		{"private, only bob in it", domain.Private, func(h *History) { h.Join(bob) }},
	} {
		h := NewHistory(room.name, room.v)
		room.then(h)
		histories[room.name] = h
		project(t, store, h.Records(1, 0))
	}
	// A room whose creation was lost was never there for anybody. It would be the first.
	lost := &History{Room: domain.RoomID("2222" + domain.NewID()[4:])}
	lost.Add(domain.Event{Kind: domain.EventLost})
	lost.Join(ada)
	project(t, store, lost.Records(1, 0))

	var want []domain.RoomSummary
	for name, member := range map[string]bool{
		"public, nobody in it": false, "public, ada in it": true, "public, ada left": false,
		"private, both in it": true, "private, ada came back": true,
	} {
		r := histories[name].Fold()
		want = append(want, domain.RoomSummary{ID: r.ID, Name: r.Name, Visibility: r.Visibility, Member: member})
	}
	slices.SortFunc(want, func(a, b domain.RoomSummary) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})

	for _, limit := range []int{1, 2, len(want), 100} {
		var got []domain.RoomSummary
		for after := domain.RoomID(""); ; after = got[len(got)-1].ID {
			page, err := store.Rooms(ctx, ada.ID, after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		require.Equal(t, want, got, "pages of %d", limit)
	}
	stranger, err := store.Rooms(ctx, domain.UserID(domain.NewID()), "", 100)
	require.NoError(t, err)
	require.Len(t, stranger, 3, "the public ones")
	none, err := store.Rooms(ctx, ada.ID, "", 0)
	require.NoError(t, err)
	require.Empty(t, none)
}

func (s *storeSuite) testMessages(t *testing.T) {
	ctx, store := t.Context(), s.open(t)
	h, other := NewHistory("room", domain.Public), NewHistory("other", domain.Public).Posts(12)
	for i := range 6 { // messages at 2, 4, …, 12
		h.Post(h.Owner, fmt.Sprint("message ", i))
		h.Join(NewUser("somebody"))
	}
	project(t, store, slices.Concat(other.Records(1, 0), h.Records(1, 0)))
	message := map[uint64]domain.Message{}
	for _, m := range h.Messages() {
		message[m.Seq] = m
	}

	for _, test := range []struct {
		page domain.Page
		want []uint64
	}{
		{domain.Page{Limit: 100}, []uint64{12, 10, 8, 6, 4, 2}},
		{domain.Page{Limit: 2}, []uint64{12, 10}},
		{domain.Page{Limit: 2, Before: 10}, []uint64{8, 6}},
		{domain.Page{Limit: 100, Before: 5}, []uint64{4, 2}},
		{domain.Page{Limit: 100, Before: 2}, nil},
		{domain.Page{Limit: 100, Before: 1}, nil},
		{domain.Page{Limit: 100, Before: math.MaxUint64}, []uint64{12, 10, 8, 6, 4, 2}},
		{domain.Page{Limit: 100, After: 8}, []uint64{12, 10}},
		{domain.Page{Limit: 1, After: 8}, []uint64{12}},
		{domain.Page{Limit: 100, After: 4, Before: 10}, []uint64{8, 6}},
		{domain.Page{Limit: 100, After: 10, Before: 4}, nil},
		{domain.Page{Forward: true, Limit: 100}, []uint64{2, 4, 6, 8, 10, 12}},
		{domain.Page{Forward: true, Limit: 2}, []uint64{2, 4}},
		{domain.Page{Forward: true, Limit: 2, After: 4}, []uint64{6, 8}},
		{domain.Page{Forward: true, Limit: 100, After: 4, Before: 10}, []uint64{6, 8}},
		{domain.Page{Forward: true, Limit: 100, After: 12}, nil},
		{domain.Page{Forward: true, Limit: 100, After: math.MaxUint64}, nil},
		{domain.Page{Forward: true, Limit: 0}, nil},
		{domain.Page{Limit: -1}, nil},
	} {
		got, err := store.Messages(ctx, h.Room, test.page)
		require.NoError(t, err, "%+v", test.page)
		var want []domain.Message
		for _, seq := range test.want {
			want = append(want, message[seq])
		}
		require.Equal(t, want, append([]domain.Message(nil), got...), "%+v", test.page)
	}
}

func (s *storeSuite) testHostileText(t *testing.T) {
	ctx, store, h := t.Context(), s.open(t), NewHistory(`'); DROP TABLE rooms; --`, domain.Public)
	texts := []string{
		`'; DROP TABLE messages; --`, `{"$gt":""}`, `$where`, `a.b.$c`, `%_\`, "tab\tand\rreturn", `":"`, "\\u0000", "$", ".",
	}
	for _, text := range texts {
		h.Add(domain.Event{Kind: domain.MessagePosted, Actor: NewUser(text), Key: text, Body: text})
	}
	project(t, store, h.Records(1, 0))
	requireHistory(t, store, h)
	for i, text := range texts {
		rec, err := store.FindKey(ctx, h.Room, h.Events[i+1].Actor.ID, text)
		require.NoError(t, err, "key %q", text)
		require.Equal(t, uint64(i+2), rec.Seq)
		_, err = store.FindKey(ctx, h.Room, domain.UserID(text), text)
		require.ErrorIs(t, err, domain.ErrNotFound)
		_, err = store.Room(ctx, domain.RoomID(text))
		require.ErrorIs(t, err, domain.ErrNotFound)
		_, err = store.AccountByName(ctx, text)
		require.ErrorIs(t, err, domain.ErrNotFound)
	}
}

// testConcurrent projects rooms side by side, and reads meanwhile: what Applied
// promises must be there.
func (s *storeSuite) testConcurrent(t *testing.T) {
	store := s.open(t)
	var rooms []*History
	for range 4 {
		rooms = append(rooms, NewHistory("room", domain.Public).Posts(11))
	}
	group, ctx := errgroup.WithContext(t.Context()) // the readers end when a writer fails
	for _, h := range rooms {
		group.Go(func() error {
			for at := 1; at <= 12; at += 3 {
				if err := store.Project(ctx, h.Records(at, at+2)); err != nil {
					return err
				}
			}
			return nil
		})
		group.Go(func() error {
			for applied := uint64(0); applied < 12; {
				seen, err := store.Applied(ctx, h.Room)
				if err != nil {
					return err
				}
				if seen < applied {
					return fmt.Errorf("applied went back from %d to %d", applied, seen)
				}
				applied = seen
				page, err := store.Messages(ctx, h.Room, domain.Page{Limit: 1})
				if err != nil {
					return err
				}
				if applied > 1 && (len(page) == 0 || page[0].Seq < applied) {
					return fmt.Errorf("applied is %d, and the newest message is %v", applied, page)
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for _, h := range rooms {
		requireHistory(t, store, h)
	}
}
