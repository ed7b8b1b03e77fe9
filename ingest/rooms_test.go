package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
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
	kept.set(big)
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
	r.set(big)
	c.weigh(r)
	require.Same(t, r, c.get(r.id))
}
