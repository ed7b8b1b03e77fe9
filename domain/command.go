package domain

import "time"

// Command says who wants something done, under which key, and when. The functions
// below decide: they return the event that would say it happened, without a seq,
// or the reason why not. They change nothing.
type Command struct {
	Actor User
	Key   string // idempotency key; unique per room and actor for ever
	At    time.Time
}

func (c Command) event(room RoomID, kind Kind) Event {
	return Event{Room: room, Kind: kind, ID: NewID(), At: At(c.At), Actor: c.Actor, Key: c.Key}
}

// CreateRoom decides on a new room. Its creator becomes the owner.
func (c Command) CreateRoom(id RoomID, name string, v Visibility) (Event, error) {
	if err := CheckName(name, MaxRoomNameRunes); err != nil {
		return Event{}, err
	}
	if v != Public && v != Private {
		return Event{}, Errorf(CodeInvalid, `visibility must be "public" or "private"`)
	}
	e := c.event(id, RoomCreated)
	e.Name, e.Visibility = name, v
	return e, nil
}

// PostMessage decides on a message. Whether the actor may know of the room is asked
// first: what is wrong with a message says nothing about a room that is hidden.
func (c Command) PostMessage(r *Room, body string) (Event, error) {
	if err := r.CanRead(c.Actor.ID); err != nil {
		return Event{}, err
	}
	if err := CheckKey(c.Key); err != nil {
		return Event{}, err
	}
	if err := CheckBody(body); err != nil {
		return Event{}, err
	}
	if err := r.CanSend(c.Actor.ID); err != nil {
		return Event{}, err
	}
	e := c.event(r.ID, MessagePosted)
	e.Body = body
	return e, nil
}

// AddMember decides on joining (u is the actor) or adding u. It returns false when
// u is a member already and nothing is to be done.
func (c Command) AddMember(r *Room, u User) (Event, bool, error) {
	if err := r.CanAdd(c.Actor.ID, u.ID); err != nil {
		return Event{}, false, err
	}
	if r.RoleOf(u.ID) != "" {
		return Event{}, false, nil
	}
	e := c.event(r.ID, MemberJoined)
	e.User, e.Role = &u, Ordinary
	return e, true, nil
}

// RemoveMember decides on leaving (u is the actor) or removing u. It returns false
// when u is not a member and nothing is to be done.
func (c Command) RemoveMember(r *Room, u UserID) (Event, bool, error) {
	if err := r.CanRemove(c.Actor.ID, u); err != nil {
		return Event{}, false, err
	}
	m := r.Members[u]
	if m.Role == "" {
		return Event{}, false, nil
	}
	e := c.event(r.ID, MemberLeft)
	e.User = &m.User
	return e, true, nil
}

// ResetRoom decides on a new epoch, because somebody was given an event with seq seen
// that is not the room's history. It returns false when an epoch has begun since.
func (c Command) ResetRoom(r *Room, seen uint64) (Event, bool, error) {
	if !r.Exists() {
		return Event{}, false, ErrRoomNotFound()
	}
	return c.event(r.ID, RoomReset), r.EpochSeq < seen, nil
}

// Receipt is the answer to a command that was accepted: the event that says it
// happened. Duplicate: the actor had sent the same before under the same key, and
// Event is the first one.
type Receipt struct {
	Event     Event
	Duplicate bool
}
