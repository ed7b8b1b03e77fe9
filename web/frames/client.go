package frames

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"confab/domain"
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
	in, err := scan(msg)
	if err == nil && !utf8.Valid(msg) {
		err = invalid("the frame is not valid UTF-8")
	}
	if err == nil && in.id == "" {
		err = invalid("the frame needs an id of 1 to %d bytes, which the answer repeats", MaxIDBytes)
	}
	if err != nil {
		return in.id, nil, err
	}
	f, err = in.frame()
	return in.id, f, err
}

// FindID returns the id of a frame of which only the beginning is known, or "".
func FindID(beginning []byte) string {
	in, _ := scan(beginning)
	return in.id
}

// fields is what the known fields of a client frame say. text holds the strings.
type fields struct {
	id    string
	text  map[string]string
	after *uint64
}

func (in fields) frame() (Frame, error) {
	kind, ok := in.text["type"]
	if !ok {
		return nil, invalid("the frame has no type")
	}
	room := domain.RoomID(in.text["room"])
	switch kind {
	case "subscribe":
		return Subscribe{ID: in.id, Room: room, After: in.after, Epoch: in.text["epoch"]}, nil
	case "unsubscribe":
		return Unsubscribe{ID: in.id, Room: room}, nil
	case "send":
		if key, ok := in.text["key"]; ok && key == "" {
			return nil, domain.CheckKey(key)
		}
		return Send{ID: in.id, Room: room, Key: in.text["key"], Body: in.text["body"]}, nil
	}
	return nil, invalid("unknown type %.40q; known are subscribe, unsubscribe and send", kind)
}

// scan reads the fields as far as it can, so that an error can still be answered
// under the frame's id. It takes field names exactly as they are written and refuses
// a name that comes twice, where encoding/json would take any case and the last one:
// two programs must never read one frame differently.
func scan(msg []byte) (fields, error) {
	in := fields{text: map[string]string{}}
	dec := json.NewDecoder(bytes.NewReader(msg))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return in, invalid("the frame is not one JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return in, invalid("the frame is not valid JSON")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return in, invalid("the frame is not valid JSON")
		}
		field, _ := name.(string)
		if seen[field] {
			return in, invalid("the field %.40q comes twice", field)
		}
		seen[field] = true
		if err := in.set(field, value); err != nil {
			return in, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return in, invalid("the frame is not valid JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return in, invalid("something follows the JSON object; a frame holds one")
	}
	return in, nil
}

func (in *fields) set(field string, value json.RawMessage) error {
	switch field {
	case "id":
		id, err := text(field, value)
		if err != nil || len(id) > MaxIDBytes || !utf8.Valid(value) {
			return invalid("id must be a string of 1 to %d bytes", MaxIDBytes)
		}
		in.id = id
	case "type", "room", "epoch", "key", "body":
		s, err := text(field, value)
		if err != nil {
			return err
		}
		in.text[field] = s
	case "after":
		seq, err := strconv.ParseUint(string(value), 10, 64)
		if err != nil || seq > maxSeq {
			return invalid("after must be an integer from 0 to %d", int64(maxSeq))
		}
		in.after = &seq
	}
	return nil
}

// text decodes a JSON string. A lone surrogate, which encoding/json would silently
// replace, is refused: nobody's text is changed.
func text(field string, value json.RawMessage) (string, error) {
	var s *string
	if err := json.Unmarshal(value, &s); err != nil || s == nil {
		return "", invalid("%s must be a string", field)
	}
	meant := bytes.Count(value, []byte("\uFFFD")) + strings.Count(strings.ToLower(string(value)), `\ufffd`)
	if utf8.Valid(value) && strings.Count(*s, "\uFFFD") > meant {
		return "", invalid("%s holds half of a surrogate pair", field)
	}
	return *s, nil
}

func invalid(format string, args ...any) error {
	return domain.Errorf(domain.CodeInvalid, format, args...)
}
