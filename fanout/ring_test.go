package fanout

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func numbered(seq uint64) frame { return frame{data: fmt.Appendf(nil, "<%d>", seq)} }

// TestRing_model: whatever is asked for between the appends, the ring says the same as a
// list of all frames.
func TestRing_model(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRing(rapid.IntRange(1, 40).Draw(t, "frames"), rapid.IntRange(1, 200).Draw(t, "bytes"))
		var all []frame
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			var pass []frame
			for range rapid.IntRange(1, 5).Draw(t, "events") {
				pass = append(pass, numbered(uint64(len(all)+len(pass)+1)))
			}
			if rapid.Bool().Draw(t, "laid") {
				lay(pass)
			}
			all = append(all, pass...)
			r.append(pass)

			require.LessOrEqual(t, r.n, r.maxFrames)
			require.LessOrEqual(t, size(r.held()), max(r.maxBytes, len(all[len(all)-1].data)))
			oldest := len(all) - r.n
			i := rapid.IntRange(0, len(all)).Draw(t, "from")
			limit := rapid.IntRange(1, 300).Draw(t, "limit")
			frames := r.from(uint64(i+1), limit)
			if i < oldest || i == len(all) {
				require.Empty(t, frames)
				require.Equal(t, i == len(all), r.reaches(uint64(i+1), limit))
				continue
			}
			require.NotEmpty(t, frames)
			var want []byte
			for _, f := range all[i : i+len(frames)] {
				want = append(want, numbered(uint64(i+1)).data...)
				require.Equal(t, string(numbered(uint64(i+1)).data), string(f.data), "nobody's bytes change")
				i++
			}
			require.Equal(t, string(want), string(join(frames)))
			require.True(t, len(want) <= limit || len(frames) == 1)
			require.Equal(t, i == len(all), r.reaches(uint64(i-len(frames)+1), limit))
			if i < len(all) {
				require.Greater(t, len(want)+len(all[i].data), limit, "as much as fits")
			}
			last, held := r.at(uint64(i))
			require.True(t, held)
			require.Equal(t, string(numbered(uint64(i)).data), string(last.data))
		}
	})
}

// TestRing_shares: a crowd that comes back is given the same memory, for which all of the ring
// is laid; for a few events it stays as it is.
func TestRing_shares(t *testing.T) {
	r := newRing(100, 1<<20)
	for seq := range uint64(40) {
		r.append([]frame{numbered(seq + 1)})
	}
	same := func(a, b []frame) bool { return &a[0].data[0] == &b[0].data[0] }

	few := r.from(38, 1<<20)
	require.False(t, same(few, r.from(38, 1<<20)))
	require.False(t, laid(r.held()))
	crowd := r.from(20, 1<<20)
	require.True(t, same(crowd, r.from(20, 1<<20)))
	require.True(t, same(crowd[1:], r.from(21, 1<<20)))
	require.True(t, laid(r.held()))

	r.append([]frame{numbered(41)})
	few = r.from(38, 1<<20)
	require.Equal(t, "<38><39><40><41>", string(join(few)))
	require.True(t, same(crowd, r.from(20, 5)), "laid once is enough")
	require.Equal(t, "<40>", string(join(crowd[20:])), "what was given stays as it was")
	require.False(t, bytes.Contains(join(crowd), []byte("<41>")))
}
