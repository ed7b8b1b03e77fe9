package ingest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

func TestRooms_boundedByRoomsAndMembers(t *testing.T) {
	c := newRooms(10)
	ids := make([]domain.RoomID, 12)
	for i := range ids {
		ids[i] = newRoomID()
		c.get(ids[i])
	}
	require.Equal(t, 10, c.len())
	kept := c.get(ids[2]) // now the most recent one
	c.get(newRoomID())
	require.Same(t, kept, c.get(ids[2]), "the least recently used one went")

	big := domain.NewRoom(ids[2])
	for range 5 {
		id := domain.UserID(domain.NewID())
		big.Members[id] = domain.Member{}
	}
	kept.replace(big, true)
	c.weigh(kept)
	c.weigh(kept)
	require.Equal(t, 5, c.len(), "one of weight 6 and four others")
	require.Equal(t, 10, c.weight)

	c.drop(kept)
	require.NotSame(t, kept, c.get(ids[2]))
	require.Equal(t, 5, c.weight)
	c.drop(kept) // it is not there any more
	c.weigh(kept)
	require.Equal(t, 5, c.weight)
}

func TestRooms_oneThatIsTooBigAloneIsKept(t *testing.T) {
	c := newRooms(3)
	r := c.get(newRoomID())
	big := domain.NewRoom(r.id)
	for range 5 {
		big.Members[domain.UserID(domain.NewID())] = domain.Member{}
	}
	r.replace(big, true)
	c.weigh(r)
	require.Same(t, r, c.get(r.id))
}

func TestRoom_aStateNeverGoesBack(t *testing.T) {
	room := func(epoch, seq uint64) *domain.Room { return &domain.Room{EpochSeq: epoch, Seq: seq} }
	r := newRooms(3).get(newRoomID())
	require.True(t, r.replace(room(1, 20), false), "there was none")
	require.False(t, r.replace(room(1, 19), false), "19 of 20")
	r.repaired(room(1, 19))
	require.EqualValues(t, 20, r.version().seq)
	require.Equal(t, 1, r.version().repairs)
	r.repaired(room(18, 19))
	require.EqualValues(t, 19, r.version().seq, "events of an epoch that is over were lost")
	require.False(t, r.replace(room(1, 30), false), "of the epoch before")
	require.True(t, r.replace(room(18, 7), true))
	require.EqualValues(t, 7, r.version().seq)
}

// busyStream is a room that always has more.
type busyStream struct{ domain.Stream }

func (busyStream) Range(_ context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	records := make([]domain.Record, limit)
	for i := range records {
		e := domain.Event{Room: room, Seq: after + 1 + uint64(i), Kind: domain.MessagePosted, ID: domain.NewID(), Actor: ada, Body: "x"}
		records[i] = domaintest.RecordOf(e)
	}
	return records, nil
}

func TestFollow_endsInABusyRoom(t *testing.T) {
	s := &Service{config: Config{Stream: busyStream{}}}
	r := newRooms(3).get(newRoomID())
	r.replace(&domain.Room{ID: r.id, Seq: 1}, true)
	require.NoError(t, s.follow(t.Context(), r, 3))
	require.EqualValues(t, 1+page, r.version().seq)
}
