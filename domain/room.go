package domain

import "fmt"

// Member is a user's place in a room. A member who left keeps an entry with an empty
// Role, so that an older event applied again does not bring them back.
type Member struct {
	User User
	Role Role
	Seq  uint64 // of the event that last changed it
}

// Room is a room's state: the fold of its events, in any order and however often
// each is applied, as long as all up to Seq have been.
//
// A Room is not safe for concurrent use.
type Room struct {
	ID         RoomID
	Name       string
	Visibility Visibility
	// Epoch names this incarnation of the sequence. A client whose cursor is of
	// another epoch gets reset. It is the id of the event that began the epoch, and
	// EpochSeq that event's seq.
	Epoch     string
	EpochSeq  uint64
	CreatedAt Time
	Seq       uint64 // highest event applied
	StateSeq  uint64 // highest applied event that changed the state
	Members   map[UserID]Member
}

// NewRoom returns the state before the first event.
func NewRoom(id RoomID) *Room { return &Room{ID: id, Members: map[UserID]Member{}} }

// Exists reports whether the room was created.
func (r *Room) Exists() bool { return r.Visibility != "" }

// RoleOf returns the role of a member, and "" for everybody else.
func (r *Room) RoleOf(u UserID) Role { return r.Members[u].Role }

// Apply folds one event into the state. Applying it again changes nothing. It
// fails only on an event of another room.
func (r *Room) Apply(e Event) error {
	if e.Room != r.ID {
		return fmt.Errorf("apply event of room %s to room %s", e.Room, r.ID)
	}
	switch e.Kind {
	case RoomCreated:
		r.Name, r.Visibility, r.CreatedAt = e.Name, e.Visibility, e.At
		r.beginEpoch(e)
		r.setMember(Member{User: e.Actor, Role: Owner, Seq: e.Seq})
	case RoomReset:
		r.beginEpoch(e)
	case MemberJoined:
		if e.User != nil {
			r.setMember(Member{User: *e.User, Role: e.Role, Seq: e.Seq})
		}
	case MemberLeft:
		if e.User != nil {
			r.setMember(Member{User: *e.User, Seq: e.Seq})
		}
	}
	r.Seq = max(r.Seq, e.Seq)
	if e.Kind.ChangesRoom() {
		r.StateSeq = max(r.StateSeq, e.Seq)
	}
	return nil
}

// beginEpoch keeps the newer of two epochs.
func (r *Room) beginEpoch(e Event) {
	if e.Seq >= r.EpochSeq {
		r.Epoch, r.EpochSeq = e.ID, e.Seq
	}
}

// setMember keeps the newer of two changes.
func (r *Room) setMember(m Member) {
	if m.Seq >= r.Members[m.User.ID].Seq {
		r.Members[m.User.ID] = m
	}
}
