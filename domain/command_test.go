package domain_test

import (
	"strings"
	"testing"
	"time"

	"confab/domain"
)

const roomID = domain.RoomID("k3v5q2x7m4n6p2r7s5t3")

var (
	ada   = domain.User{ID: "aaaaaaaaaaaaaaaaaaaa", Name: "ada"}
	bob   = domain.User{ID: "bbbbbbbbbbbbbbbbbbbb", Name: "bob"}
	mia   = domain.User{ID: "mmmmmmmmmmmmmmmmmmmm", Name: "mia"}
	guest = domain.User{ID: "gggggggggggggggggggg", Name: "guest", Guest: true}
	noon  = time.Date(2026, 11, 24, 12, 0, 0, 123_456_789, time.FixedZone("CET", 3600))
)

// newRoom returns a room with ada as its owner, mia as a moderator and bob as a member.
func newRoom(t *testing.T, v domain.Visibility) *domain.Room {
	t.Helper()
	r := domain.NewRoom(roomID)
	for _, e := range []domain.Event{
		{Room: roomID, Seq: 1, Kind: domain.RoomCreated, ID: "epoch", Actor: ada, Visibility: v},
		{Room: roomID, Seq: 2, Kind: domain.MemberJoined, Actor: ada, User: &mia, Role: domain.Moderator},
		{Room: roomID, Seq: 3, Kind: domain.MemberJoined, Actor: bob, User: &bob, Role: domain.Ordinary},
	} {
		if err := r.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// The whole matrix: who may read, send, join, add, leave, remove a member, remove the owner.
func TestPermissions(t *testing.T) {
	const (
		ok = domain.Code("")
		no = domain.CodeForbidden
		nf = domain.CodeNotFound // a private room does not exist for strangers
	)
	for _, tt := range []struct {
		visibility                                              domain.Visibility
		who                                                     domain.User
		read, send, join, add, leave, removeMember, removeOwner domain.Code
	}{
		{domain.Public, ada, ok, ok, ok, ok, ok, ok, ok},
		{domain.Public, mia, ok, ok, ok, ok, ok, ok, no},
		{domain.Public, bob, ok, ok, ok, no, ok, ok, no}, // the member he removes is himself
		{domain.Public, guest, ok, no, ok, no, ok, no, no},
		{domain.Private, ada, ok, ok, ok, ok, ok, ok, ok},
		{domain.Private, mia, ok, ok, ok, ok, ok, ok, no},
		{domain.Private, bob, ok, ok, ok, no, ok, ok, no},
		{domain.Private, guest, nf, nf, nf, nf, nf, nf, nf},
		{"", guest, nf, nf, nf, nf, nf, nf, nf}, // a visibility nobody knows is private
	} {
		r := newRoom(t, tt.visibility)
		stranger := domain.UserID("ssssssssssssssssssss")
		for _, rule := range []struct {
			name string
			err  error
			want domain.Code
		}{
			{"read", r.CanRead(tt.who.ID), tt.read},
			{"send", r.CanSend(tt.who.ID), tt.send},
			{"join", r.CanAdd(tt.who.ID, tt.who.ID), tt.join},
			{"add a stranger", r.CanAdd(tt.who.ID, stranger), tt.add},
			{"leave", r.CanRemove(tt.who.ID, tt.who.ID), tt.leave},
			{"remove bob", r.CanRemove(tt.who.ID, bob.ID), tt.removeMember},
			{"remove the owner", r.CanRemove(tt.who.ID, ada.ID), tt.removeOwner},
		} {
			if got := domain.CodeOf(rule.err); got != rule.want {
				t.Errorf("%s room: %s may %s: %q, want %q", tt.visibility, tt.who.Name, rule.name, got, rule.want)
			}
		}
	}
}

func TestPermissions_endWithLeaving(t *testing.T) {
	r := newRoom(t, domain.Private)
	if err := r.Apply(domain.Event{Room: roomID, Seq: 4, Kind: domain.MemberLeft, Actor: ada, User: &bob}); err != nil {
		t.Fatal(err)
	}
	if got := domain.CodeOf(r.CanRead(bob.ID)); got != domain.CodeNotFound {
		t.Errorf("bob left a private room and reading gives code %q", got)
	}
}

func TestCommand_events(t *testing.T) {
	r := newRoom(t, domain.Public)
	c := domain.Command{Actor: ada, Key: "k", At: noon}

	created, err := c.CreateRoom(roomID, "Lobby", domain.Private)
	check(t, err)
	posted, err := c.PostMessage(r, "hi")
	check(t, err)
	joined, ok, err := c.AddMember(r, guest)
	check(t, err)
	if !ok {
		t.Error("adding a guest does nothing")
	}
	left, ok, err := c.RemoveMember(r, bob.ID)
	check(t, err)
	if !ok {
		t.Error("removing a member does nothing")
	}

	if created.Name != "Lobby" || created.Visibility != domain.Private || posted.Body != "hi" {
		t.Errorf("the events do not say what was asked: %+v, %+v", created, posted)
	}
	if *joined.User != guest || joined.Role != domain.Ordinary || *left.User != bob || left.Role != "" {
		t.Errorf("the events do not say whom they are about: %+v, %+v", joined, left)
	}
	for _, e := range []domain.Event{created, posted, joined, left} {
		if e.Room != roomID || e.Seq != 0 || !domain.ValidID(e.ID) || e.Actor != ada || e.Key != "k" ||
			e.At.String() != "2026-11-24T11:00:00.123Z" {
			t.Errorf("%s: %+v", e.Kind, e)
		}
	}
	if created.ID == posted.ID {
		t.Error("two events have one id")
	}
}

func TestCommand_thatChangesNothing(t *testing.T) {
	r := newRoom(t, domain.Public)
	c := domain.Command{Actor: ada, Key: "k", At: noon}
	if _, ok, err := c.AddMember(r, bob); ok || err != nil {
		t.Errorf("adding a member again: %v, %v", ok, err)
	}
	if _, ok, err := c.RemoveMember(r, guest.ID); ok || err != nil {
		t.Errorf("removing somebody who is not a member: %v, %v", ok, err)
	}
}

func TestCommand_refuses(t *testing.T) {
	r, hidden := newRoom(t, domain.Public), newRoom(t, domain.Private)
	by := func(u domain.User, key string) domain.Command { return domain.Command{Actor: u, Key: key, At: noon} }
	for situation, tt := range map[string]struct {
		err  error
		want domain.Code
	}{
		"a message without a key":                          {second(by(ada, "").PostMessage(r, "hi")), domain.CodeInvalid},
		"a message with 65 bytes of it":                    {second(by(ada, strings.Repeat("k", 65)).PostMessage(r, "hi")), domain.CodeInvalid},
		"an empty message":                                 {second(by(ada, "k").PostMessage(r, "")), domain.CodeInvalid},
		"a message by a stranger":                          {second(by(guest, "k").PostMessage(r, "hi")), domain.CodeForbidden},
		"an empty message to a public room, by a stranger": {second(by(guest, "k").PostMessage(r, "")), domain.CodeInvalid},
		"an empty message to a hidden room":                {second(by(guest, "k").PostMessage(hidden, "")), domain.CodeNotFound},
		"a message without a key to a hidden room":         {second(by(guest, "").PostMessage(hidden, "hi")), domain.CodeNotFound},
		"a room without a name":                            {second(by(ada, "k").CreateRoom(roomID, "", domain.Public)), domain.CodeInvalid},
		"a room seen by some":                              {second(by(ada, "k").CreateRoom(roomID, "Lobby", "secret")), domain.CodeInvalid},
		"adding by a member":                               {third(by(bob, "k").AddMember(r, guest)), domain.CodeForbidden},
		"removing by a member":                             {third(by(bob, "k").RemoveMember(r, mia.ID)), domain.CodeForbidden},
	} {
		if got := domain.CodeOf(tt.err); got != tt.want {
			t.Errorf("%s: code %q, want %q", situation, got, tt.want)
		}
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
