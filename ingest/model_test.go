package ingest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"confab/domain"
)

// modelRoom is what append.lua does, in words of its own.
type modelRoom struct {
	head, state, since uint64
	keys               map[string]uint64
	trimmed            int // the latest time of a UUIDv7 that was trimmed; -1: not known
	metaLost           bool
	streamLost         bool // its entries are
	streamGone         bool // the key is, too
}

// publish returns the answer to an append, and makes it.
func (m *modelRoom) publish(key string, floor, expect, checked uint64, anyState, changes bool) (uint64, error) {
	if m.metaLost && (floor > 0 || !m.streamGone) {
		return 0, ErrBehind
	}
	if m.metaLost { // nobody knows of the room: it is new
		*m = modelRoom{since: 1, keys: map[string]uint64{}}
	}
	seq := m.keys[key]
	switch {
	case key != "" && seq != 0:
		return seq, &DuplicateError{Seq: seq}
	case floor > m.head:
		return 0, ErrBehind
	case key != "" && m.since > 1 && checked < m.since && (m.trimmed < 0 || timeOf(key) <= m.trimmed):
		return 0, &AskError{Since: m.since}
	case !anyState && expect != m.state:
		return 0, &StaleError{State: m.state}
	case m.streamLost:
		m.streamGone = false // the attempt leaves an empty stream
		return 0, ErrBehind
	}
	m.head++
	if key != "" {
		m.keys[key] = m.head
	}
	if changes {
		m.state = m.head
	}
	return m.head, nil
}

// timedKey is a UUIDv7 of millisecond ms, and timeOf returns that, 0 for other keys.
func timedKey(ms int) string {
	return fmt.Sprintf("k:a:%08x-%04x-7000-8000-00000000000a", ms>>16, ms&0xffff)
}

func timeOf(key string) int {
	var high, low int
	if n, _ := fmt.Sscanf(key, "k:a:%08x-%04x-7000-8000-00000000000a", &high, &low); n < 2 {
		return 0
	}
	return high<<16 | low
}

// TestAppendScript_model appends to two rooms of one partition, several events in one run
// of the script: each answer is the one that it would have got alone.
func TestAppendScript_model(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		ctx, p := testContext(t), newPublisher(t, client, PublisherConfig{})
		rapid.Check(t, func(rt *rapid.T) {
			rooms := []domain.RoomID{newRoomID(), newRoomID()}
			models := map[domain.RoomID]*modelRoom{}
			for _, room := range rooms {
				models[room] = &modelRoom{since: 1, keys: map[string]uint64{}}
			}
			drawRoom := func(rt *rapid.T) (domain.RoomID, *modelRoom) {
				room := rapid.SampledFrom(rooms).Draw(rt, "room")
				return room, models[room]
			}
			near := func(n uint64) uint64 { // mostly n, or one beside it
				return rapid.SampledFrom([]uint64{n, n, n, n, n + 1, max(n, 1) - 1}).Draw(rt, "near")
			}
			rt.Repeat(map[string]func(*rapid.T){
				"append": func(rt *rapid.T) {
					var batch []*request
					want := map[*request]answer{}
					for range rapid.IntRange(1, 4).Draw(rt, "events") {
						room, model := drawRoom(rt)
						a := Append{
							Log: partition.Log(), Room: room, ID: domain.NewID(), Payload: []byte("{}"), SeqAt: 1,
							Key:   rapid.SampledFrom([]string{"", "k:a:1", "k:a:2", "k:a:3", "k:b:1", "k:b:" + domain.NewID(), timedKey(0xfffe), timedKey(0x10001), timedKey(1 << 40), timedKey(1<<40 + 1)}).Draw(rt, "key"),
							Floor: near(model.head), State: near(model.state), Checked: near(model.since),
							AnyState: rapid.Bool().Draw(rt, "any state"), ChangesRoom: rapid.Bool().Draw(rt, "changes"),
						}
						if a.Floor > 0 && rapid.Bool().Draw(rt, "low floor") {
							a.Floor = rapid.Uint64Range(0, a.Floor).Draw(rt, "floor")
						}
						seq, err := model.publish(a.Key, a.Floor, a.State, a.Checked, a.AnyState, a.ChangesRoom)
						r := p.request(ctx, a, "")
						batch, want[r] = append(batch, r), answer{seq: seq, err: err}
					}
					answers := make([]answer, len(batch))
					p.send(batch, answers)
					for i, r := range batch {
						var known *DuplicateError
						if errors.As(answers[i].err, &known) {
							answers[i].err = &DuplicateError{Seq: known.Seq}
						}
						require.Equal(rt, want[r], answers[i])
					}
				},
				"trim": func(rt *rapid.T) {
					room, model := drawRoom(rt)
					if model.metaLost || model.streamLost || model.head == 0 {
						return
					}
					keep := rapid.Uint64Range(1, model.head).Draw(rt, "keep")
					if keep <= model.since {
						return
					}
					for key, seq := range model.keys {
						if seq < keep {
							if model.trimmed >= 0 {
								model.trimmed = max(model.trimmed, timeOf(key))
							}
							require.NoError(rt, client.HDel(ctx, partition.Meta(room), key).Err())
							delete(model.keys, key)
						}
					}
					model.since = keep
					require.NoError(rt, client.HSet(ctx, partition.Meta(room), "since", keep).Err())
					if rapid.IntRange(0, 9).Draw(rt, "seldom") == 0 {
						model.trimmed = -1 // an older projector knew nothing of it
					}
					if model.trimmed >= 0 {
						require.NoError(rt, client.HSet(ctx, partition.Meta(room), "trimmed", fmt.Sprint(keep, " ", model.trimmed)).Err())
					}
					require.NoError(rt, client.XTrimMinID(ctx, partition.Room(room), streamID(keep)).Err())
				},
				"lose the stream": func(rt *rapid.T) {
					room, model := drawRoom(rt)
					if rapid.IntRange(0, 9).Draw(rt, "seldom") > 0 || model.head == 0 {
						return
					}
					model.streamLost, model.streamGone = true, true
					require.NoError(rt, client.Del(ctx, partition.Room(room)).Err())
				},
				"lose the meta hash": func(rt *rapid.T) {
					room, model := drawRoom(rt)
					if rapid.IntRange(0, 9).Draw(rt, "seldom") > 0 || model.head == 0 {
						return
					}
					model.metaLost = true
					require.NoError(rt, client.Del(ctx, partition.Meta(room)).Err())
				},
				"": func(rt *rapid.T) {
					for room, model := range models {
						if model.metaLost || model.streamLost || model.head == 0 {
							continue
						}
						meta := client.HMGet(ctx, partition.Meta(room), "head", "state", "since").Val()
						require.Equal(rt, []any{fmt.Sprint(model.head), fmt.Sprint(model.state), fmt.Sprint(model.since)}, meta)
						last, err := client.XRevRangeN(ctx, partition.Room(room), "+", "-", 1).Result()
						require.NoError(rt, err)
						require.Equal(rt, streamID(model.head), last[0].ID)
						require.Equal(rt, fmt.Sprintf("{%d}", model.head), last[0].Values["payload"])
					}
				},
			})
		})
	})
}
