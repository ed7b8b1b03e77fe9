package domaintest

import (
	"fmt"
	"time"

	"confab/domain"
)

// History writes the events of one room, as ingest would have: dense, canonical,
// one second apart. Its methods panic on what cannot be encoded.
type History struct {
	Room   domain.RoomID
	Owner  domain.User
	Events []domain.Event
}

// NewHistory returns the history of a new room, whose first event creates it.
func NewHistory(name string, v domain.Visibility) *History {
	h := &History{Room: domain.RoomID(domain.NewID()), Owner: NewUser("owner of " + name)}
	h.Add(domain.Event{Kind: domain.RoomCreated, Actor: h.Owner, Name: name, Visibility: v})
	return h
}

// NewUser returns a registered user with a new id.
func NewUser(name string) domain.User {
	return domain.User{ID: domain.UserID(domain.NewID()), Name: name}
}

// Add appends an event, whose room, seq, id, time and, if it has none, key are made here.
func (h *History) Add(e domain.Event) domain.Event {
	e.Room, e.Seq, e.ID = h.Room, uint64(len(h.Events))+1, domain.NewID()
	e.At = domain.At(time.Date(2026, 11, 24, 8, 0, len(h.Events), 123_000_000, time.UTC))
	if e.Key == "" {
		e.Key = domain.NewID()
	}
	h.Events = append(h.Events, e)
	return e
}

// Join lets u join by themselves.
func (h *History) Join(u domain.User) domain.Event {
	return h.Add(domain.Event{Kind: domain.MemberJoined, Actor: u, User: &u, Role: domain.Ordinary})
}

// Leave lets u leave by themselves.
func (h *History) Leave(u domain.User) domain.Event {
	return h.Add(domain.Event{Kind: domain.MemberLeft, Actor: u, User: &u})
}

// Post posts a message.
func (h *History) Post(author domain.User, body string) domain.Event {
	return h.Add(domain.Event{Kind: domain.MessagePosted, Actor: author, Body: body})
}

// Posts posts n messages of the owner's.
func (h *History) Posts(n int) *History {
	for i := range n {
		h.Post(h.Owner, fmt.Sprintf("message %d", i+1))
	}
	return h
}

// Records returns the records of the events with from ≤ seq ≤ to; to 0 means the last.
func (h *History) Records(from, to int) []domain.Record {
	if to == 0 {
		to = len(h.Events)
	}
	var records []domain.Record
	for _, e := range h.Events[from-1 : to] {
		records = append(records, RecordOf(e))
	}
	return records
}

// RecordOf encodes an event, or panics.
func RecordOf(e domain.Event) domain.Record {
	rec, err := domain.EncodeEvent(e)
	if err != nil {
		panic(err)
	}
	return rec
}

// Fold returns the room's state after all events.
func (h *History) Fold() *domain.Room {
	r := domain.NewRoom(h.Room)
	for _, e := range h.Events {
		if err := r.Apply(e); err != nil {
			panic(err)
		}
	}
	return r
}

// Messages returns all messages, oldest first.
func (h *History) Messages() []domain.Message {
	var list []domain.Message
	for _, e := range h.Events {
		if e.Kind == domain.MessagePosted {
			list = append(list, domain.MessageOf(e))
		}
	}
	return list
}
