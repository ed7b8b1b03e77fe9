package projector_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/projector"
)

func TestTrim_roomKeepsItsHotWindowAndItsKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		// Several scripts, and by one owner: who takes over trims when the room grows.
		f.archivedBy(room, 2000, func(c *projector.Config) { c.HotWindow, c.LeaseTTL = 100, time.Minute })

		// Where the last batch began decides how much of the quarter is left.
		f.eventually("trimmed", func() bool { return len(f.roomStream(room)) < 125 })
		seqs := f.roomStream(room)
		require.GreaterOrEqual(t, len(seqs), 100)
		first := seqs[0]
		require.EqualValues(t, 2001-len(seqs), first)
		meta := f.redis.HGetAll(t.Context(), part.Meta(room)).Val()
		require.Equal(t, fmt.Sprint(first), meta["since"])
		require.Equal(t, "2000", meta["head"])
		require.NotContains(t, meta, domain.KeyField(ada.ID, fmt.Sprint("key-", first-1)))
		require.Contains(t, meta, domain.KeyField(ada.ID, fmt.Sprint("key-", first)))
		require.Equal(t, fmt.Sprint(first, " 0"), meta["trimmed"], "none of them was a UUIDv7")
		require.Len(t, meta, len(seqs)+3)
	})
}

// What ingest knows of the keys that are trimmed is their latest time, and that of all of
// them or nothing.
func TestTrim_keepsTheLatestTimeOfKeys(t *testing.T) {
	const base = 0x0190_0000_0000
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.keyOf = func(seq uint64) string {
			if seq%3 == 0 {
				return fmt.Sprint("key-", seq)
			}
			ms := base + seq
			if seq == 7 {
				ms += 1000 // a client whose clock goes wrong
			}
			return fmt.Sprintf("%08x-%04x-7abc-8abc-0123456789ab", ms>>16, ms&0xffff)
		}
		room := newRoom()
		trimmed := func() string { return f.redis.HGet(t.Context(), part.Meta(room), "trimmed").Val() }
		since := func() string { return f.redis.HGet(t.Context(), part.Meta(room), "since").Val() }
		change := func(c *projector.Config) { c.HotWindow, c.LeaseTTL = 4, time.Minute }
		p := f.archivedBy(room, 6, change)
		f.eventually("trimmed to 3", func() bool { return trimmed() == fmt.Sprint("3 ", base+2) })
		f.archived(f.says(room, 20))
		f.eventually("trimmed beyond 8", func() bool {
			first := f.roomStream(room)[0]
			return first > 8 && trimmed() == fmt.Sprint(first, " ", base+1007)
		})

		p.stop()
		require.NoError(t, f.redis.HSet(t.Context(), part.Meta(room), "trimmed", fmt.Sprint("2 ", base)).Err())
		before := since() // of a projector that trimmed and did not know of the field
		f.archivedBy(room, 20, change)
		f.eventually("trimmed", func() bool { return since() != before })
		require.Empty(t, trimmed())
	})
}

// archivedBy has a projector work until n events of a room are archived.
func (f *fixture) archivedBy(room domain.RoomID, n int, change func(*projector.Config)) *running {
	f.t.Helper()
	want := f.says(room, n)
	p := f.start(change)
	f.archived(want)
	f.acked()
	return p
}

func TestTrim_isAmortised(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		f.archivedBy(room, 124, func(c *projector.Config) { c.HotWindow = 100 })
		require.Len(t, f.roomStream(room), 124)
		f.archived(f.says(room, 1))
		f.eventually("trimmed", func() bool { return len(f.roomStream(room)) == 100 })
	})
}

func TestTrim_lastEntryStays(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		// Redis came back behind the archive: it has less than what is archived.
		all := make([]domain.Record, 40)
		for i := range all {
			all[i] = f.next(room)
		}
		require.NoError(t, f.store.Project(t.Context(), all))
		for _, rec := range all[:5] {
			f.toRoom(rec)
		}
		f.toLog(all[4])
		f.start(func(c *projector.Config) { c.HotWindow = 1 })
		f.eventually("trimmed", func() bool { return len(f.roomStream(room)) == 1 })
		require.Equal(t, []uint64{5}, f.roomStream(room))
	})
}

func TestTrim_roomWithoutMetaIsLeftToIngest(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		want := f.says(room, 40)
		f.redis.Del(t.Context(), part.Meta(room))
		f.start(func(c *projector.Config) { c.HotWindow = 1 })
		f.archived(want)
		f.acked()
		require.Len(t, f.roomStream(room), 40)
		require.Zero(t, f.redis.Exists(t.Context(), part.Meta(room)).Val())
	})
}

func TestTrim_logKeepsWhatAnotherGroupHasNotAcked(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		require.NoError(t, f.redis.XGroupCreateMkStream(t.Context(), part.Log(), "another", "0").Err())
		room, metrics := newRoom(), prometheus.NewRegistry()
		want := f.says(room, 20)
		f.start(func(c *projector.Config) { c.Registerer = metrics })
		f.archived(want)
		f.eventually("acked", func() bool { return f.pending() == 0 })
		f.archived(f.says(room, 20))
		f.eventually("the log was looked at after that", func() bool {
			return gauge(t, metrics, "confab_projector_log_entries") == 40
		})
		require.NoError(t, f.redis.XGroupDestroy(t.Context(), part.Log(), "another").Err())
		f.acked()
	})
}
