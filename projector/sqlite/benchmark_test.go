package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

// BenchmarkRead reads pages of 50 and what else is asked of history, in rooms of three
// sizes. All are in one file, so that the larger ones are around the smaller.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "history.db")
	s, err := Open(b.Context(), path)
	require.NoError(b, err)
	defer func() { _ = s.Close() }()
	for _, size := range []int{1_000, 100_000, 1_000_000} {
		room, user, key := fill(b, s, size)
		head := uint64(size) + 1
		for _, read := range []struct {
			what string
			read func() (int, error)
			want int
		}{
			{"newest page", s.page(b, room, domain.Page{Limit: 50}), 50},
			{"middle page back", s.page(b, room, domain.Page{Before: head / 2, Limit: 50}), 50},
			{"middle page forward", s.page(b, room, domain.Page{After: head / 2, Forward: true, Limit: 50}), 50},
			{"oldest page", s.page(b, room, domain.Page{Forward: true, Limit: 50}), 50},
			{"range of 50", func() (int, error) { r, err := s.Range(b.Context(), room, head/2, 50); return len(r), err }, 50},
			{"key", func() (int, error) { _, err := s.FindKey(b.Context(), room, user, key); return 1, err }, 1},
			{"applied", func() (int, error) { n, err := s.Applied(b.Context(), room); return int(n), err }, int(head)},
			{"rooms", func() (int, error) { r, err := s.Rooms(b.Context(), user, "", 50); return min(1, len(r)), err }, 1},
		} {
			b.Run(fmt.Sprintf("%s/%d", read.what, size), func(b *testing.B) {
				b.ReportAllocs()
				var took []time.Duration
				for b.Loop() {
					began := time.Now()
					n, err := read.read()
					took = append(took, time.Since(began))
					require.NoError(b, err)
					require.Equal(b, read.want, n)
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			})
		}
	}
	require.NoError(b, s.Close())
	b.Run("open with 1,101,003 events", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(b.Context(), path)
			require.NoError(b, err)
			require.NoError(b, s.Close())
		}
	})
	b.Run("open without", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "history.db")
		for b.Loop() {
			s, err := Open(b.Context(), path)
			require.NoError(b, err)
			require.NoError(b, s.Close())
		}
	})
}

// BenchmarkProject_busyRooms projects what a server carries in 1,000 rooms at once, in
// batches as they come under load.
func BenchmarkProject_busyRooms(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "history.db"))
	require.NoError(b, err)
	var rooms []*domaintest.History
	for range 1000 {
		rooms = append(rooms, domaintest.NewHistory("room", domain.Public))
		require.NoError(b, s.Project(b.Context(), rooms[len(rooms)-1].Records(1, 0)))
	}
	n := 0
	for b.Loop() {
		b.StopTimer()
		batch := make([]domain.Record, 150)
		for i := range batch {
			h, before := rooms[n%len(rooms)], n/len(rooms)
			batch[i] = post(h, before, fmt.Sprintf("%032d", n))
			n++
		}
		b.StartTimer()
		require.NoError(b, s.Project(b.Context(), batch))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/event")
	require.NoError(b, s.Close())
}

func (s *Store) page(b *testing.B, room domain.RoomID, p domain.Page) func() (int, error) {
	return func() (int, error) { m, err := s.Messages(b.Context(), room, p); return len(m), err }
}

// fill writes a room of so many messages, and returns one of its keys.
func fill(b *testing.B, s *Store, messages int) (domain.RoomID, domain.UserID, string) {
	h := domaintest.NewHistory("room", domain.Public)
	require.NoError(b, s.Project(b.Context(), h.Records(1, 0)))
	for from := 0; from < messages; from += 4000 {
		var batch []domain.Record
		for i := from; i < min(from+4000, messages); i++ {
			batch = append(batch, post(h, i, fmt.Sprintf("key %032d", i)))
		}
		require.NoError(b, s.Project(b.Context(), batch))
	}
	return h.Room, h.Owner.ID, fmt.Sprintf("key %032d", messages/2)
}

// post returns a message that comes after the room's creation and so many others.
func post(h *domaintest.History, before int, key string) domain.Record {
	return domaintest.RecordOf(domain.Event{
		Room: h.Room, Seq: uint64(before) + 2, Kind: domain.MessagePosted, ID: domain.NewID(), At: h.Events[0].At,
		Actor: h.Owner, Key: key, Body: fmt.Sprintf("%0128d", before),
	})
}
