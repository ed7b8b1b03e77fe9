package projector_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector"
)

func TestGap_isFilledFromTheRoomStream(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		want := f.says(room, 3)
		for range 5 {
			rec := f.next(room)
			f.toRoom(rec) // and not into the log
			want = append(want, rec)
		}
		want = append(want, f.says(room, 3)...)
		f.start(func(c *projector.Config) { c.BatchSize = 2 }) // filled in portions
		f.archived(want)
		f.acked()
	})
}

func TestGap_thatNobodyCanFillBecomesTombstones(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		before := f.says(room, 3)
		f.next(room)
		f.next(room)
		after := f.says(room, 3)
		f.start()
		f.archived(before)
		f.archived(after)
		f.tombstones(room, 4, 5)
	})
}

// tombstones requires that these seqs of the archive are tombstones.
func (f *fixture) tombstones(room domain.RoomID, seqs ...uint64) {
	f.t.Helper()
	for _, seq := range seqs {
		got, err := f.store.Range(f.t.Context(), room, seq-1, 1)
		require.NoError(f.t, err)
		require.Len(f.t, got, 1)
		require.Equal(f.t, domain.EventLost, got[0].Kind(), "seq %d", seq)
		require.Equal(f.t, seq, got[0].Seq)
	}
}

// behindStore says once of each room that nothing is applied, as after a crash
// between archive and views.
type behindStore struct {
	*domaintest.MemoryStore
	asked atomic.Bool
}

func (s *behindStore) Applied(ctx context.Context, room domain.RoomID) (uint64, error) {
	if s.asked.Swap(true) {
		return s.MemoryStore.Applied(ctx, room)
	}
	return 0, nil
}

func TestGap_afterACrashIsFilledFromTheArchive(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		var want []domain.Record
		for range 5 {
			want = append(want, f.next(room)) // archived, and no longer in Redis
		}
		require.NoError(t, f.store.Project(t.Context(), want))
		want = append(want, f.says(room, 3)...)
		again := make(chan uint64, 100)
		f.start(func(c *projector.Config) {
			c.Store = &behindStore{MemoryStore: f.store}
			c.Committed = func(_ context.Context, records []domain.Record) error {
				for _, rec := range records {
					again <- rec.Seq
				}
				return nil
			}
		})
		f.archived(want)
		f.acked()
		for seq := range uint64(8) {
			require.Equal(t, seq+1, <-again, "all of it went through Project again")
		}
	})
}

func TestGap_thatNothingExplainsIsPoison(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		f.heads[room] = 1 << 40
		f.toLog(f.next(room)) // says that a million million events went before it
		f.heads[room] = 0
		want := f.says(room, 3)
		f.start()
		f.archived(want)
		f.acked()
		require.Equal(t, []string{"implausible"}, f.deadReasons())
	})
}

func TestGap_ofManyThatRedisConfirms(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		f.heads[room] = 5000
		want := f.says(room, 3) // in the room's stream as well
		f.start()
		f.archived(want)
		f.tombstones(room, 1, 2500, 5000)
	})
}

func TestGap_recordsOutOfOrderAndTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		var want []domain.Record
		for range 6 {
			want = append(want, f.next(room))
			f.toRoom(want[len(want)-1]) // where a batch that ends early finds what it lacks
		}
		for _, i := range []int{1, 0, 2, 2, 0, 5, 4, 3, 5} {
			f.toLog(want[i])
		}
		f.start()
		f.archived(want)
		f.acked()
		require.Empty(t, f.deadReasons())
	})
}
