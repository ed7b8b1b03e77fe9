package domain

import (
	"strings"
	"time"
)

// Kind names what happened.
type Kind string

// The kinds of event. Every one takes a seq of its room.
const (
	RoomCreated Kind = "room.created"
	// RoomReset begins a new epoch of the room, named by the event's id: what was seen
	// of seqs up to its own may not be what the history holds, because Redis lost events
	// that nobody could put back. Who resumes in an older epoch gets reset.
	RoomReset     Kind = "room.reset"
	MemberJoined  Kind = "member.joined"
	MemberLeft    Kind = "member.left"
	MessagePosted Kind = "message.posted"
	// EventLost stands in the archive where the log held bytes that nobody could
	// read, so that the sequence stays dense. The bytes are in the dead-letter stream.
	EventLost Kind = "event.lost"
)

// ChangesRoom reports whether events of this kind change the room's state, that is
// what permissions depend on, and not only its history.
func (k Kind) ChangesRoom() bool {
	return strings.HasPrefix(string(k), "room.") || strings.HasPrefix(string(k), "member.")
}

// User is a person as events and messages name them: the name is the one they had then.
type User struct {
	ID    UserID `json:"id"`
	Name  string `json:"name"`
	Guest bool   `json:"guest,omitempty"`
}

// Event is one thing that happened in a room. Seq is its number in the room: 1, 2,
// 3, … without a gap. Which of the fields below Key are set depends on the Kind.
//
// The order of the fields is the order in JSON, and the codec relies on room, seq
// and kind coming first.
type Event struct {
	Room  RoomID `json:"room"`
	Seq   uint64 `json:"seq"`
	Kind  Kind   `json:"kind"`
	ID    string `json:"id"`
	At    Time   `json:"at"`
	Actor User   `json:"actor"`
	Key   string `json:"key,omitempty"` // idempotency key, unique per room and actor for ever

	Body       string     `json:"body,omitempty"`       // message.posted
	Name       string     `json:"name,omitempty"`       // room.created
	Visibility Visibility `json:"visibility,omitempty"` // room.created
	User       *User      `json:"user,omitempty"`       // member.*: whom it is about
	Role       Role       `json:"role,omitempty"`       // member.joined
}

// SameContent reports whether two events say the same, whenever and as whatever
// seq: what decides between "duplicate" and "conflict" when a key comes again.
func (e Event) SameContent(o Event) bool {
	return e.Kind == o.Kind && e.Body == o.Body && e.Name == o.Name && e.Visibility == o.Visibility &&
		e.Role == o.Role && e.about() == o.about()
}

func (e Event) about() UserID {
	if e.User == nil {
		return ""
	}
	return e.User.ID
}

// Message is a posted message as it reads now.
type Message struct {
	Room   RoomID `json:"room"`
	Seq    uint64 `json:"seq"` // of the event that posted it
	ID     string `json:"id"`
	Key    string `json:"key"`
	At     Time   `json:"at"`
	Author User   `json:"author"`
	Body   string `json:"body"`
}

// MessageOf returns the message that a message.posted event posts.
func MessageOf(e Event) Message {
	return Message{Room: e.Room, Seq: e.Seq, ID: e.ID, Key: e.Key, At: e.At, Author: e.Actor, Body: e.Body}
}

// Time is an instant with millisecond precision, in JSON RFC 3339 in UTC with
// exactly three decimals.
type Time struct{ time.Time }

// At makes a Time of t, cut to milliseconds and in UTC.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// String returns the form used in JSON.
func (t Time) String() string { return string(t.append(make([]byte, 0, 32))) }

// append appends what String returns. RFC3339 is a form that time writes fast.
func (t Time) append(b []byte) []byte {
	b = t.UTC().AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / 1e6
	return append(b[:len(b)-1], '.', '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10), 'Z')
}

// AppendText implements encoding.TextAppender.
func (t Time) AppendText(b []byte) ([]byte, error) { return t.append(b), nil }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return t.append(nil), nil }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return append(t.append(append(make([]byte, 0, 32), '"')), '"'), nil
}

// UnmarshalJSON implements json.Unmarshaler; it accepts any RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	var u time.Time
	if err := u.UnmarshalJSON(b); err != nil {
		return err
	}
	*t = At(u)
	return nil
}
