package domain_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"confab/domain"
)

var people = []domain.User{ada, bob, mia, guest}

// history draws what could have happened in a room: seq 1 creates it, the rest is
// anything, kinds of a newer version included.
func history() *rapid.Generator[[]domain.Event] {
	return rapid.Custom(func(t *rapid.T) []domain.Event {
		person := rapid.SampledFrom(people)
		kind := rapid.SampledFrom([]domain.Kind{
			domain.MemberJoined, domain.MemberJoined, domain.MemberLeft, domain.MessagePosted,
			domain.EventLost, domain.RoomReset, "room.painted", "message.sung",
		})
		role := rapid.SampledFrom([]domain.Role{domain.Owner, domain.Moderator, domain.Ordinary})
		events := []domain.Event{{
			Room: roomID, Seq: 1, Kind: domain.RoomCreated, ID: "epoch", At: domain.At(noon),
			Actor: person.Draw(t, "creator"), Name: "Lobby", Visibility: domain.Private,
		}}
		for range rapid.IntRange(0, 20).Draw(t, "length") {
			e := domain.Event{Room: roomID, Seq: uint64(len(events) + 1), Kind: kind.Draw(t, "kind"), ID: domain.NewID(), Actor: person.Draw(t, "actor")}
			switch e.Kind {
			case domain.MemberJoined:
				u := person.Draw(t, "user")
				e.User, e.Role = &u, role.Draw(t, "role")
			case domain.MemberLeft:
				u := person.Draw(t, "user")
				e.User = &u
			}
			events = append(events, e)
		}
		return events
	})
}

func fold(t rapid.TB, events []domain.Event) *domain.Room {
	r := domain.NewRoom(roomID)
	for _, e := range events {
		if err := r.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// Views and the hot window overlap, and a batch may be applied again after a crash:
// the fold must not care.
func TestRoom_foldCommutesAndIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := history().Draw(t, "events")
		again := rapid.SliceOf(rapid.SampledFrom(events)).Draw(t, "again")
		shuffled := rapid.Permutation(append(again, events...)).Draw(t, "shuffled")

		want, got := fold(t, events), fold(t, shuffled)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("in another order and with repeats:\n got %+v\nwant %+v", got, want)
		}
	})
}

func TestRoom_foldIsWhatHappenedLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := history().Draw(t, "events")
		roles := map[domain.UserID]domain.Role{events[0].Actor.ID: domain.Owner}
		stateSeq, epoch := uint64(1), "epoch"
		for _, e := range events[1:] {
			switch e.Kind {
			case domain.MemberJoined:
				roles[e.User.ID], stateSeq = e.Role, e.Seq
			case domain.MemberLeft:
				delete(roles, e.User.ID)
				stateSeq = e.Seq
			case "room.painted":
				stateSeq = e.Seq
			case domain.RoomReset:
				stateSeq, epoch = e.Seq, e.ID
			}
		}
		r := fold(t, events)
		for _, u := range people {
			if r.RoleOf(u.ID) != roles[u.ID] {
				t.Errorf("%s is %q, want %q", u.Name, r.RoleOf(u.ID), roles[u.ID])
			}
		}
		if !r.Exists() || r.Seq != uint64(len(events)) || r.StateSeq != stateSeq || r.Epoch != epoch || r.Name != "Lobby" {
			t.Errorf("state %+v, want seq %d and state seq %d", r, len(events), stateSeq)
		}
	})
}

func TestRoom_refusesEventsOfAnotherRoom(t *testing.T) {
	r := newRoom(t, domain.Public)
	before := fmt.Sprint(*r)
	if err := r.Apply(domain.Event{Room: "aaaaaaaaaaaaaaaaaaaa", Seq: 9, Kind: domain.MemberLeft, User: &ada}); err == nil {
		t.Error("applied an event of another room")
	}
	if fmt.Sprint(*r) != before {
		t.Error("the refused event changed the state")
	}
}

func TestRoom_eventWithoutUserChangesNoMember(t *testing.T) {
	r := newRoom(t, domain.Public)
	for _, k := range []domain.Kind{domain.MemberJoined, domain.MemberLeft} {
		check(t, r.Apply(domain.Event{Room: roomID, Seq: 4, Kind: k, Actor: ada}))
	}
	if len(r.Members) != 3 || r.RoleOf(ada.ID) != domain.Owner {
		t.Errorf("members: %v", r.Members)
	}
}

func TestRoom_doesNotExistBeforeItIsCreated(t *testing.T) {
	r := domain.NewRoom(roomID)
	if r.Exists() {
		t.Error("a room without events exists")
	}
	if got := domain.CodeOf(r.CanRead(ada.ID)); got != domain.CodeNotFound {
		t.Errorf("reading it gives code %q", got)
	}
}
