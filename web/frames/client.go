package frames

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"confab/domain"
	"confab/web/strictjson"
)

// MaxIDBytes bounds the id of a client frame, since every answer repeats it.
const MaxIDBytes = 64

// maxSeq is the greatest integer that every JSON implementation keeps exactly.
const maxSeq = 1<<53 - 1

// Subscribe asks for a room's events: those after After, or, without it, those from
// now on. Epoch may name the epoch that After belongs to; if the room is in another
// one, the answer is Reset.
type Subscribe struct {
	ID    string        `json:"id"`
	Room  domain.RoomID `json:"room"`
	After *uint64       `json:"after,omitempty"`
	Epoch string        `json:"epoch,omitempty"`
}

// Unsubscribe ends a subscription.
type Unsubscribe struct {
	ID   string        `json:"id"`
	Room domain.RoomID `json:"room"`
}

// Send posts a message. Without a Key the server makes one, and sending again is
// another message.
type Send struct {
	ID   string        `json:"id"`
	Room domain.RoomID `json:"room"`
	Key  string        `json:"key,omitempty"`
	Body string        `json:"body"`
}

// Type implements Frame.
func (Subscribe) Type() string { return "subscribe" }

// Type implements Frame.
func (Unsubscribe) Type() string { return "unsubscribe" }

// Type implements Frame.
func (Send) Type() string { return "send" }

// Decode reads a client frame: Subscribe, Unsubscribe or Send. The error is a
// *domain.Error for the client; id is the frame's id whenever it can be told, also
// beside an error. Unknown fields are ignored. Whether the room exists, and whether
// key and body are acceptable, is not looked at.
func Decode(msg []byte) (id string, f Frame, err error) {
	var in struct {
		Type  string        `json:"type"`
		ID    string        `json:"id"`
		Room  domain.RoomID `json:"room"`
		After *uint64       `json:"after"`
		Epoch string        `json:"epoch"`
		Key   *string       `json:"key"`
		Body  string        `json:"body"`
	}
	if err := strictjson.Unmarshal(msg, &in); err != nil {
		return FindID(msg), nil, err
	}
	if !validID(in.ID) {
		return "", nil, invalid("a frame needs an id of 1 to %d bytes, which the answer repeats", MaxIDBytes)
	}
	switch in.Type {
	case "subscribe":
		if in.After != nil && *in.After > maxSeq {
			return in.ID, nil, invalid("after must be 0 to %d", int64(maxSeq))
		}
		return in.ID, Subscribe{ID: in.ID, Room: in.Room, After: in.After, Epoch: in.Epoch}, nil
	case "unsubscribe":
		return in.ID, Unsubscribe{ID: in.ID, Room: in.Room}, nil
	case "send":
		send := Send{ID: in.ID, Room: in.Room, Body: in.Body}
		if in.Key != nil {
			send.Key = *in.Key
			err = domain.CheckKey(send.Key) // an empty one is a mistake, not a wish for one made here
		}
		if err != nil {
			return in.ID, nil, err
		}
		return in.ID, send, nil
	}
	return in.ID, nil, invalid("unknown type %.40q; known are subscribe, unsubscribe and send", in.Type)
}

// FindID returns the id of a frame that is broken, or of which only the beginning is
// known, or "".
func FindID(beginning []byte) string {
	dec := json.NewDecoder(bytes.NewReader(beginning))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for dec.More() {
		var value json.RawMessage
		name, err := dec.Token()
		if err != nil || dec.Decode(&value) != nil {
			return ""
		}
		var id string
		if name == "id" && utf8.Valid(value) && json.Unmarshal(value, &id) == nil && validID(id) {
			return id
		}
	}
	return ""
}

func validID(id string) bool { return id != "" && len(id) <= MaxIDBytes }

func invalid(format string, args ...any) error {
	return domain.Errorf(domain.CodeInvalid, format, args...)
}
