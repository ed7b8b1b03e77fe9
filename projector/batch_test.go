package projector

import (
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestArrange_byRoomAndSeqAndThenAsTheyCame(t *testing.T) {
	rec := func(room domain.RoomID, seq uint64, payload string) item {
		return item{Record: domain.Record{Room: room, Seq: seq, Payload: []byte(payload)}, msg: message.NewMessage("", nil)}
	}
	broken := item{msg: message.NewMessage("", nil), why: undecodable}
	b := arrange([]item{
		rec("b", 2, "z"), rec("a", 7, "same"), broken, rec("b", 1, "x"), rec("a", 7, "same"),
		rec("b", 2, "y"), rec("b", 2, "w"), rec("c", 2, "z"), rec("a", 6, "same"),
	})
	require.Equal(t, []poison{{broken.msg, undecodable}}, b.poison)

	var got []string
	for rest := b.items; len(rest) > 0; {
		var room []item
		room, rest = nextRoom(rest)
		got = append(got, string(room[0].Room)+":")
		for _, it := range room {
			got = append(got, fmt.Sprint(it.Seq, string(it.Payload)))
		}
	}
	require.Equal(t, []string{"a:", "6same", "7same", "b:", "1x", "2z", "2y", "2w", "c:", "2z"}, got)
}
