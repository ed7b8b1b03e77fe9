package fanout_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/fanout"
)

// put writes records as the append script does.
func put(t *testing.T, c *redis.Client, partitions int, records ...domain.Record) {
	t.Helper()
	for _, rec := range records {
		p := domain.PartitionOf(rec.Room, partitions)
		id, err := c.XAdd(t.Context(), &redis.XAddArgs{Stream: p.Room(rec.Room), ID: "0-*", Values: []any{"payload", rec.Payload, "key", ""}}).Result()
		require.NoError(t, err)
		require.NoError(t, c.HSet(t.Context(), p.Meta(rec.Room), "head", rec.Seq).Err())
		require.Equal(t, id, fmt.Sprintf("0-%d", rec.Seq))
	}
}

func TestStream(t *testing.T) {
	onBothServers(t, func(t *testing.T, c *redis.Client) {
		ctx := t.Context()
		s := fanout.NewStream(c, 4)
		var rooms []domain.RoomID
		var want []uint64
		for i := range 120 {
			h := domaintest.NewHistory("room", domain.Public).Posts(i % 5)
			rooms, want = append(rooms, h.Room, domain.RoomID(domain.NewID())), append(want, uint64(1+i%5), 0)
			put(t, c, 4, h.Records(1, 0)...)
		}
		spoiled := domain.RoomID(domain.NewID())
		require.NoError(t, c.Set(ctx, domain.PartitionOf(spoiled, 4).Meta(spoiled), "x", 0).Err())
		rooms, want = append(rooms, spoiled), append(want, 0)
		heads, err := s.Heads(ctx, rooms...)
		require.NoError(t, err)
		assert.Equal(t, want, heads)
		heads, err = s.Heads(ctx, slices.Repeat(rooms, 5)...) // more than one pipeline takes
		require.NoError(t, err)
		assert.Equal(t, slices.Repeat(want, 5), heads)
		heads, err = s.Heads(ctx)
		require.NoError(t, err)
		assert.Empty(t, heads)

		h := domaintest.NewHistory("room", domain.Public).Posts(19)
		put(t, c, 4, h.Records(1, 0)...)
		key := domain.PartitionOf(h.Room, 4).Room(h.Room)
		for _, tc := range []struct {
			after    uint64
			limit    int
			from, to int
		}{{0, 100, 1, 20}, {0, 5, 1, 5}, {7, 5, 8, 12}, {19, 5, 20, 20}} {
			got, err := s.Range(ctx, h.Room, tc.after, tc.limit)
			require.NoError(t, err)
			assert.Equal(t, h.Records(tc.from, tc.to), got)
		}
		for _, after := range []uint64{20, 21, 1 << 53, math.MaxUint64 - 1, math.MaxUint64} {
			got, err := s.Range(ctx, h.Room, after, 10)
			require.NoError(t, err)
			assert.Empty(t, got, "after %d", after)
		}
		require.NoError(t, c.XTrimMinID(ctx, key, "0-6").Err())
		got, err := s.Range(ctx, h.Room, 0, 3)
		require.NoError(t, err)
		assert.Equal(t, h.Records(6, 8), got, "older ones were trimmed")
		require.NoError(t, c.XDel(ctx, key, "0-10").Err())
		got, err = s.Range(ctx, h.Room, 0, 100)
		require.NoError(t, err)
		assert.Equal(t, h.Records(6, 9), got, "a hole ends it")

		require.NoError(t, c.XAdd(ctx, &redis.XAddArgs{Stream: key, ID: "1-1", Values: []any{"payload", "x"}}).Err())
		_, err = s.Range(ctx, h.Room, 20, 3)
		assert.Error(t, err, "not one of ours")
		require.NoError(t, c.HSet(ctx, domain.PartitionOf(h.Room, 4).Meta(h.Room), "head", "x").Err())
		_, err = s.Heads(ctx, h.Room)
		assert.Error(t, err)
	})
}

// Whatever the projector does between the reads of one Range, the answer is dense,
// starts where it was asked to, and is empty only at the end.
func TestTimeline_isGaplessWhileTheProjectorWorks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := domaintest.NewHistory("room", domain.Public)
		log := &fakeLog{}
		log.append(h.Records(1, 0)...)
		tl := fanout.NewTimeline(fakeStream{log}, fakeArchive{log})
		step := func() {
			n := len(h.Events)
			log.append(h.Posts(rapid.IntRange(0, 5).Draw(t, "appended")).Records(n+1, 0)...)
			log.archive(rapid.IntRange(0, 8).Draw(t, "archived"))
			log.trim(rapid.IntRange(0, 8).Draw(t, "trimmed"))
		}
		log.before = func(uint64) { step() }
		for range rapid.IntRange(1, 20).Draw(t, "reads") {
			step()
			head := log.head()
			after := rapid.Uint64Range(0, head+2).Draw(t, "after")
			limit := rapid.IntRange(1, 12).Draw(t, "limit")
			got, err := tl.Range(t.Context(), h.Room, after, limit)
			require.NoError(t, err)
			if after < head {
				require.NotEmpty(t, got, "after %d of %d", after, head)
			}
			require.LessOrEqual(t, len(got), limit)
			for i, rec := range got {
				require.Equal(t, after+1+uint64(i), rec.Seq)
			}
			heads, err := tl.Heads(t.Context(), h.Room)
			require.NoError(t, err)
			require.Equal(t, log.head(), heads[0])
		}
	})
}

func TestTimeline_splicesOnePage(t *testing.T) {
	h := domaintest.NewHistory("room", domain.Public).Posts(19)
	log := &fakeLog{records: h.Records(1, 0), archived: 12, trimmed: 8}
	tl := fanout.NewTimeline(fakeStream{log}, fakeArchive{log})
	for range 2 { // without and with the hint of where the trimming went
		for _, tc := range []struct{ after, limit, last int }{{0, 20, 12}, {0, 5, 5}, {8, 20, 20}, {5, 15, 12}} {
			got, err := tl.Range(t.Context(), h.Room, uint64(tc.after), tc.limit)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, len(got), tc.last-tc.after)
			assert.Equal(t, h.Records(tc.after+1, tc.after+len(got)), got)
		}
	}
}

func TestTimeline_archiveAlone(t *testing.T) {
	h := domaintest.NewHistory("room", domain.Public).Posts(9)
	log := &fakeLog{records: h.Records(1, 0), archived: 7}
	tl := fanout.NewTimeline(nil, fakeArchive{log})
	heads, err := tl.Heads(t.Context(), h.Room)
	require.NoError(t, err)
	assert.Equal(t, []uint64{7}, heads)
	got, err := tl.Range(t.Context(), h.Room, 2, 100)
	require.NoError(t, err)
	assert.Equal(t, h.Records(3, 7), got)
	got, err = tl.Range(t.Context(), h.Room, math.MaxUint64, 100)
	require.NoError(t, err)
	assert.Empty(t, got)
}

// What the archive has can be read without Redis; what it does not have is not
// known not to exist.
func TestTimeline_redisAway(t *testing.T) {
	h := domaintest.NewHistory("room", domain.Public).Posts(9)
	archive := &fakeLog{records: h.Records(1, 0), archived: 7}
	tl := fanout.NewTimeline(fakeStream{&fakeLog{fails: errAway}}, fakeArchive{archive})
	got, err := tl.Range(t.Context(), h.Room, 2, 100)
	require.NoError(t, err)
	assert.Equal(t, h.Records(3, 7), got)
	_, err = tl.Range(t.Context(), h.Room, 7, 100)
	assert.ErrorIs(t, err, errAway)
	_, err = tl.Heads(t.Context(), h.Room)
	assert.ErrorIs(t, err, errAway)
}

func TestTimeline_archiveAway(t *testing.T) {
	h := domaintest.NewHistory("room", domain.Public).Posts(9)
	tl := fanout.NewTimeline(&fakeLog{records: h.Records(1, 0)}, fakeArchive{&fakeLog{fails: errAway}})
	heads, err := tl.Heads(t.Context(), h.Room)
	require.NoError(t, err)
	assert.Equal(t, []uint64{10}, heads)
	heads, err = tl.Heads(t.Context(), "lost", h.Room)
	assert.ErrorIs(t, err, errAway)
	assert.Equal(t, []uint64{0, 10}, heads)
}

func TestTimeline_holesAreErrors(t *testing.T) {
	h := domaintest.NewHistory("room", domain.Public).Posts(9)
	lost := &fakeLog{records: h.Records(1, 0), archived: 3, trimmed: 5}
	tl := fanout.NewTimeline(fakeStream{lost}, fakeArchive{lost})
	got, err := tl.Range(t.Context(), h.Room, 0, 100)
	require.NoError(t, err)
	assert.Equal(t, h.Records(1, 3), got, "up to the hole")
	_, err = tl.Range(t.Context(), h.Room, 3, 100)
	assert.Error(t, err)

	holed := &fakeLog{records: append(h.Records(1, 4), h.Records(6, 0)...), archived: 9}
	_, err = fanout.NewTimeline(nil, fakeArchive{holed}).Range(t.Context(), h.Room, 0, 100)
	assert.Error(t, err)
}
