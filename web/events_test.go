package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestEvents_areTheBytesThatAreKept(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	ada.says(room, "<hi> & \u2028 bye")
	a := ada.ask("GET", room+"/events", "").ok(http.StatusOK)
	id := domain.RoomID(strings.TrimPrefix(room, "/api/v1/rooms/"))
	want := []string{}
	r.rooms.set(func(f *fakeRooms) {
		for _, rec := range f.log[id] {
			want = append(want, string(rec.Payload))
		}
	})
	require.Equal(t, `{"events":[`+strings.Join(want, ",")+`],"head":2,"more":false}`+"\n", a.raw)
}

func TestEvents_pages(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	for range 5 {
		ada.says(room, "hi")
	}
	for _, x := range []struct {
		query string
		seqs  []int
		more  bool
	}{
		{"", []int{1, 2, 3, 4, 5, 6}, false},
		{"?limit=2", []int{1, 2}, true},
		{"?after=2&limit=3", []int{3, 4, 5}, true},
		{"?after=3&limit=3", []int{4, 5, 6}, false},
		{"?after=6", nil, false},
		{"?after=7", nil, false}, // a seq in the future
		{fmt.Sprintf("?after=%d", int64(1)<<53-1), nil, false},
	} {
		a := ada.ask("GET", room+"/events"+x.query, "").ok(http.StatusOK)
		var seqs []int
		for _, e := range a.list("events") {
			seqs = append(seqs, int(e.(map[string]any)["seq"].(float64)))
		}
		require.Equal(t, x.seqs, seqs, x.query)
		require.Equal(t, x.more, a.get("more"), x.query)
		require.EqualValues(t, 6, a.get("head"), x.query)
	}
}
