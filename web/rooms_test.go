package web_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestRooms_creatorIsTheOwner(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	a := ada.ask("POST", "/api/v1/rooms", `{"name":"Engines","visibility":"private"}`).ok(http.StatusCreated)
	require.Equal(t, "Engines", a.get("room", "name"))
	require.Equal(t, "private", a.get("room", "visibility"))
	require.EqualValues(t, 1, a.get("room", "head"))
	require.Equal(t, true, a.get("room", "member"))

	room := "/api/v1/rooms/" + a.get("room", "id").(string)
	got := ada.ask("GET", room, "").ok(http.StatusOK)
	require.Equal(t, a.body, got.body, "the room reads as it was made")
	members := ada.ask("GET", room+"/members", "").ok(http.StatusOK).list("members")
	require.Equal(t, []any{map[string]any{
		"role": "owner", "user": map[string]any{"id": string(ada.user.ID), "name": "ada", "guest": true},
	}}, members)
}

func TestRooms_listHoldsOnesOwnAndThePublicOnes(t *testing.T) {
	r := newRig(t)
	ada, bob := r.guest("ada"), r.guest("bob")
	public := ada.makes("Square", domain.Public)
	ada.makes("Cabinet", domain.Private)
	own := bob.makes("Den", domain.Private)
	ada.says(public, "hi")

	rooms := bob.ask("GET", "/api/v1/rooms", "").ok(http.StatusOK).list("rooms")
	got := map[string]any{}
	for _, x := range rooms {
		m := x.(map[string]any)
		got[m["name"].(string)] = []any{m["member"], m["head"], "/api/v1/rooms/" + m["id"].(string)}
	}
	require.Equal(t, map[string]any{"Square": []any{false, 2.0, public}, "Den": []any{true, 1.0, own}}, got)
}

func TestRooms_headIsFreshWhileTheViewsTrail(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	r.rooms.set(func(f *fakeRooms) { f.trailing = true })
	ada.says(room, "hi")
	rooms := ada.ask("GET", "/api/v1/rooms", "").ok(http.StatusOK).list("rooms")
	require.EqualValues(t, 2, rooms[0].(map[string]any)["head"])
	require.EqualValues(t, 2, ada.ask("GET", room, "").ok(http.StatusOK).get("room", "head"))
}

func TestRooms_pagesFollowEachOther(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	want := map[string]bool{}
	for i := range 7 {
		want[ada.makes(fmt.Sprintf("Room %d", i), domain.Public)] = true
	}
	got, pages, cursor := map[string]bool{}, 0, ""
	for {
		a := ada.ask("GET", "/api/v1/rooms?limit=3&cursor="+cursor, "").ok(http.StatusOK)
		for _, x := range a.list("rooms") {
			got["/api/v1/rooms/"+x.(map[string]any)["id"].(string)] = true
		}
		pages++
		if cursor = a.get("next").(string); cursor == "" {
			break
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, 3, pages)
}

func TestRooms_lastPageThatIsFullSaysSo(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	for i := range 3 {
		ada.makes(fmt.Sprintf("Room %d", i), domain.Public)
	}
	require.Empty(t, ada.ask("GET", "/api/v1/rooms?limit=3", "").ok(http.StatusOK).get("next"))
}

func TestRooms_sameKeyIsTheSameRoom(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	body := `{"name":"Engines","visibility":"public"}`
	first := ada.ask("POST", "/api/v1/rooms", body, header("Idempotency-Key", "k1")).ok(http.StatusCreated)
	again := ada.ask("POST", "/api/v1/rooms", body, header("Idempotency-Key", "k1")).ok(http.StatusOK)
	require.Equal(t, first.body, again.body)
	other := `{"name":"Looms","visibility":"public"}`
	ada.ask("POST", "/api/v1/rooms", other, header("Idempotency-Key", "k1")).problem(http.StatusConflict, domain.CodeConflict)
}

func TestRooms_leftPrivateRoomIsNotListedWhileTheViewsTrail(t *testing.T) {
	r := newRig(t)
	ada, bob := r.guest("ada"), r.guest("bob")
	room := ada.makes("Cabinet", domain.Private)
	ada.ask("PUT", room+"/members/"+string(bob.user.ID), "").ok(http.StatusNoContent)
	require.Len(t, bob.ask("GET", "/api/v1/rooms", "").ok(http.StatusOK).list("rooms"), 1)
	r.rooms.set(func(f *fakeRooms) { f.trailing = true })
	ada.ask("DELETE", room+"/members/"+string(bob.user.ID), "").ok(http.StatusNoContent)
	require.Empty(t, bob.ask("GET", "/api/v1/rooms", "").ok(http.StatusOK).list("rooms"))
}
