package projector_test

import (
	"bytes"
	"testing"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/projector"
)

// dead reads the dead letters as the stock subscriber would.
func (f *fixture) dead() []*message.Message {
	f.t.Helper()
	entries, err := f.redis.XRange(f.t.Context(), part.DeadLetters(), "-", "+").Result()
	require.NoError(f.t, err)
	letters := make([]*message.Message, len(entries))
	for i, x := range entries {
		letters[i], err = redisstream.DefaultMarshallerUnmarshaller{}.Unmarshal(x.Values)
		require.NoError(f.t, err)
	}
	return letters
}

func (f *fixture) deadReasons() []string {
	f.t.Helper()
	var reasons []string
	for _, letter := range f.dead() {
		reasons = append(reasons, letter.Metadata.Get(projector.PoisonReason))
	}
	return reasons
}

func TestPoison_isSetAsideWithItsBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		book := &logBook{}
		room := newRoom()
		want := f.says(room, 3)
		first := f.log("foo", "bar\xff\x00", "secret", "planted")
		f.log("_watermill_message_uuid", "u", "metadata", "\xc1garbage", "payload", "planted")
		f.log("_watermill_message_uuid", "u", "payload", "not JSON, planted")
		f.log("_watermill_message_uuid", "u", "payload", `{"room":"planted"}`)
		want = append(want, f.says(room, 3)...)

		f.start(func(c *projector.Config) { c.Logger = book.logger() })
		f.archived(want)
		f.acked()

		require.Equal(t, []string{"malformed", "malformed", "undecodable", "undecodable"}, f.deadReasons())
		letters := f.dead()
		fields, err := projector.Fields(letters[0].Payload)
		require.NoError(t, err)
		require.Equal(t, []projector.Field{{Name: []byte("foo"), Value: []byte("bar\xff\x00")}, {Name: []byte("secret"), Value: []byte("planted")}}, fields)
		require.Equal(t, first, letters[0].Metadata.Get(projector.EntryID))
		require.Equal(t, "not JSON, planted", string(letters[2].Payload))
		require.NotContains(t, book.String(), "planted", "content does not belong into the log")
	})
}

func TestPoison_leavesATombstoneWhereItsPlaceIsKnown(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		f.says(room, 3)
		broken := f.next(room)
		f.toRoom(broken)
		broken.Payload = bytes.Replace(broken.Payload, []byte("message 4"), []byte("message \xff"), 1)
		f.toLog(broken)
		f.start()
		f.acked()
		require.Equal(t, []string{"undecodable"}, f.deadReasons())
		f.eventually("room goes on after it", func() bool {
			head, err := f.store.Applied(t.Context(), room)
			return err == nil && head == 4
		})
	})
}

func TestPoison_behindAGapThatIsLarge(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		f.heads[room] = 5000
		broken := f.next(room) // the room's newest event, and nobody has projected one of it
		f.toRoom(broken)
		broken.Payload = bytes.Replace(broken.Payload, []byte("message 5001"), []byte("message \xff"), 1)
		f.toLog(broken)
		want := f.says(newRoom(), 3)
		f.start()
		f.archived(want)
		f.acked()
		require.Equal(t, []string{"undecodable"}, f.deadReasons())
		head, err := f.store.Applied(t.Context(), room)
		require.NoError(t, err)
		require.EqualValues(t, 5001, head)
	})
}

func TestPoison_positionBeyondTheRoomIsNotBelieved(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		want := f.says(room, 3)
		f.log("_watermill_message_uuid", "u", "payload", `{"room":"`+string(room)+`","seq":900,"kind":`)
		f.start()
		f.archived(want)
		f.acked()
		head, err := f.store.Head(t.Context(), room)
		require.NoError(t, err)
		require.EqualValues(t, 3, head)
	})
}

func TestPoison_anotherEventUnderATakenSeq(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		want := f.says(room, 4)
		other := func(seq uint64) domain.Record {
			f.heads[room] = seq - 1
			return f.next(room)
		}
		f.toLog(other(4)) // in the same batch
		f.heads[room] = 4
		want = append(want, f.says(room, 2)...)
		f.start()
		f.archived(want)

		f.toLog(other(2)) // long projected
		f.heads[room] = 6
		want = append(want, f.says(room, 2)...)
		f.archived(want)
		f.acked()
		require.Equal(t, []string{"diverged", "diverged"}, f.deadReasons())
	})
}

func TestPoison_eventOfAnotherPartition(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		here, elsewhere := newRoom(), newRoom()
		for domain.PartitionOf(here, 2) != part {
			here = newRoom()
		}
		for domain.PartitionOf(elsewhere, 2) == part {
			elsewhere = newRoom()
		}
		f.toLog(f.next(elsewhere))
		want := f.says(here, 3)
		f.start(func(c *projector.Config) { c.Partitions = 2 })
		f.archived(want)
		f.eventually("set aside", func() bool { return len(f.deadReasons()) == 1 })
		require.Equal(t, []string{"misplaced"}, f.deadReasons())
	})
}
