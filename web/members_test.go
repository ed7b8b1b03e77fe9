package web_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

// TestPermissions is the whole matrix of person, room and path. A cell is the status.
func TestPermissions(t *testing.T) {
	paths := []struct{ method, path, body string }{
		{"GET", "", ""},
		{"GET", "/members", ""},
		{"GET", "/messages", ""},
		{"GET", "/events", ""},
		{"POST", "/messages", `{"body":"hi"}`},
		{"PUT", "/members/me", ""},
		{"PUT", "/members/NEW", ""},
		{"DELETE", "/members/me", ""},
		{"DELETE", "/members/MEMBER", ""},
		{"DELETE", "/members/OWNER", ""},
		{"PUT", "/members/UNKNOWN", ""},
		{"DELETE", "/members/UNKNOWN", ""},
		{"PUT", "/members/no-id", ""},
	}
	hidden := []int{404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404}
	nobody := []int{401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401, 401}
	visitor := []int{200, 200, 200, 200, 403, 204, 403, 204, 403, 403, 403, 403, 404}
	member := []int{200, 200, 200, 200, 201, 204, 403, 204, 403, 403, 403, 403, 404}
	moderator := []int{200, 200, 200, 200, 201, 204, 204, 204, 204, 403, 404, 404, 404}
	matrix := map[string]map[string][]int{ // room, person
		"public": {
			"owner": {200, 200, 200, 200, 201, 204, 204, 204, 204, 204, 404, 404, 404}, "moderator": moderator,
			"member": member, "former": visitor, "stranger": visitor, "nobody": nobody,
		},
		"private": {
			"owner": {200, 200, 200, 200, 201, 204, 204, 204, 204, 204, 404, 404, 404}, "moderator": moderator,
			"member": member, "former": hidden, "stranger": hidden, "nobody": nobody,
		},
		"missing": {"stranger": hidden, "nobody": nobody},
		"no-id":   {"stranger": hidden, "nobody": nobody},
	}
	for room, people := range matrix {
		for who, statuses := range people {
			for i, p := range paths {
				t.Run(fmt.Sprintf("%s %s %s room as %s", p.method, p.path, room, who), func(t *testing.T) {
					s := newScene(t, room)
					a := s.people[who].ask(p.method, s.room+s.fill(p.path), p.body)
					require.Equal(t, statuses[i], a.status, a.raw)
				})
			}
		}
	}
}

// scene is a room with all sorts of people around it.
type scene struct {
	*rig
	room   string
	people map[string]asker
	ids    map[string]domain.UserID
}

type asker interface {
	ask(method, path, body string, change ...func(*http.Request)) reply
}

func newScene(t *testing.T, kind string) scene {
	r := newRig(t)
	s := scene{rig: r, people: map[string]asker{"nobody": r}, ids: map[string]domain.UserID{"UNKNOWN": domain.UserID(domain.NewID())}}
	names := []string{"owner", "moderator", "member", "other", "former", "stranger", "new"}
	p := map[string]person{}
	for _, n := range names {
		p[n] = r.guest(n)
		s.people[n] = p[n]
	}
	s.ids["NEW"], s.ids["MEMBER"], s.ids["OWNER"] = p["new"].user.ID, p["other"].user.ID, p["owner"].user.ID
	switch kind {
	case "missing":
		s.room = "/api/v1/rooms/" + domain.NewID()
		return s
	case "no-id":
		s.room = "/api/v1/rooms/*%7Bx%7D"
		return s
	}
	s.room = p["owner"].makes("Room", domain.Visibility(kind))
	id := domain.RoomID(s.room[len("/api/v1/rooms/"):])
	joins := func(who string, role domain.Role) {
		u := p[who].user
		r.rooms.set(func(f *fakeRooms) {
			f.say(domain.Event{Room: id, Kind: domain.MemberJoined, ID: domain.NewID(), Actor: u, User: &u, Role: role})
		})
	}
	joins("moderator", domain.Moderator)
	joins("member", domain.Ordinary)
	joins("other", domain.Ordinary)
	joins("former", domain.Ordinary)
	p["former"].ask("DELETE", s.room+"/members/me", "").ok(http.StatusNoContent)
	return s
}

// fill puts ids into a path.
func (s scene) fill(path string) string {
	for name, id := range s.ids {
		if path == "/members/"+name {
			return "/members/" + string(id)
		}
	}
	return path
}

func TestMembers_joinAndLeaveAreEvents(t *testing.T) {
	r := newRig(t)
	ada, bob := r.guest("ada"), r.guest("bob")
	room := ada.makes("Square", domain.Public)
	for range 2 { // the second time changes nothing
		bob.ask("PUT", room+"/members/me", "").ok(http.StatusNoContent)
	}
	for range 2 {
		bob.ask("DELETE", room+"/members/"+string(bob.user.ID), "").ok(http.StatusNoContent)
	}
	var kinds []any
	for _, e := range ada.ask("GET", room+"/events", "").ok(http.StatusOK).list("events") {
		kinds = append(kinds, e.(map[string]any)["kind"])
	}
	require.Equal(t, []any{"room.created", "member.joined", "member.left"}, kinds)
}

func TestMembers_addedByTheOwnerReadsThePrivateRoom(t *testing.T) {
	r := newRig(t)
	ada, bob := r.guest("ada"), r.guest("bob")
	room := ada.makes("Cabinet", domain.Private)
	bob.ask("GET", room+"/messages", "").problem(http.StatusNotFound, domain.CodeNotFound)
	ada.ask("PUT", room+"/members/"+string(bob.user.ID), "").ok(http.StatusNoContent)
	bob.ask("GET", room+"/messages", "").ok(http.StatusOK)
	members := bob.ask("GET", room+"/members", "").ok(http.StatusOK).list("members")
	require.Equal(t, "bob", members[1].(map[string]any)["user"].(map[string]any)["name"], "in the order in which they came")
	ada.ask("DELETE", room+"/members/"+string(bob.user.ID), "").ok(http.StatusNoContent)
	bob.ask("GET", room+"/messages", "").problem(http.StatusNotFound, domain.CodeNotFound)
}
