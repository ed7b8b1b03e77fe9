package frames

import (
	"fmt"

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

// Ping asks for a Pong, for clients that do not see the pings of WebSocket (no page in
// a browser does) and would know whether the line stands, and how long it is.
type Ping struct {
	ID string `json:"id"`
}

// Type implements Frame.
func (Subscribe) Type() string { return "subscribe" }

// Type implements Frame.
func (Unsubscribe) Type() string { return "unsubscribe" }

// Type implements Frame.
func (Send) Type() string { return "send" }

// Type implements Frame.
func (Ping) Type() string { return "ping" }

// Decode reads a client frame: Subscribe, Unsubscribe, Send or Ping. The error is a
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
	case "subscribe", "unsubscribe", "send":
		if in.Room == "" {
			return in.ID, nil, invalid("a frame of type %s needs a room", in.Type)
		}
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
	case "ping":
		return in.ID, Ping{ID: in.ID}, nil
	}
	return in.ID, nil, invalid("unknown type %.40q; known are subscribe, unsubscribe, send and ping", in.Type)
}

// FindID returns the id of a frame that is broken, or of which only the beginning is
// known, or "".
func FindID(beginning []byte) string {
	var f IDFinder
	_, _ = f.Write(beginning)
	return f.ID()
}

// IDFinder finds the id of a frame of any length, wherever it stands in it, and
// keeps no more of the frame than an id's length. The frame is written to it.
type IDFinder struct {
	id      string
	depth   int    // of nesting
	value   bool   // at depth 1, after the colon
	isID    bool   // the name before it is "id"
	text    bool   // inside of a string
	escaped bool   // after a backslash in it
	kept    []byte // of the string, with its quotes
	done    bool   // nothing that follows matters
}

// ID returns the id as far as it is known, or "".
func (f *IDFinder) ID() string { return f.id }

// Write implements io.Writer. It never fails.
func (f *IDFinder) Write(p []byte) (int, error) {
	for _, c := range p {
		if f.done {
			break
		}
		if f.text {
			f.inText(c)
		} else {
			f.between(c)
		}
	}
	return len(p), nil
}

func (f *IDFinder) inText(c byte) {
	const most = 6*MaxIDBytes + 2 // each character written as \u0000
	if f.depth == 1 && len(f.kept) <= most {
		f.kept = append(f.kept, c)
	}
	switch {
	case f.escaped:
		f.escaped = false
	case c == '\\':
		f.escaped = true
	case c == '"':
		f.text = false
		f.textEnds()
	}
}

func (f *IDFinder) textEnds() {
	if f.depth != 1 {
		return
	}
	if !f.value {
		f.isID = string(f.kept) == `"id"`
		return
	}
	var in struct {
		ID string `json:"id"`
	}
	if f.isID && strictjson.Unmarshal(fmt.Appendf(nil, `{"id":%s}`, f.kept), &in) == nil && validID(in.ID) {
		f.id, f.done = in.ID, true
	}
}

func (f *IDFinder) between(c byte) {
	switch c {
	case ' ', '\t', '\r', '\n':
	case '"':
		f.text, f.kept = true, append(f.kept[:0], c)
		f.done = f.depth == 0
	case '{', '[':
		f.done = f.depth == 0 && c == '['
		f.depth++
	case '}', ']':
		f.depth--
		f.done = f.depth <= 0
	case ':':
		f.value = f.value || f.depth == 1
	case ',':
		f.value = f.value && f.depth != 1
	default: // a number or the like
		f.done = f.depth == 0
	}
}

func validID(id string) bool { return id != "" && len(id) <= MaxIDBytes }

func invalid(format string, args ...any) error {
	return domain.Errorf(domain.CodeInvalid, format, args...)
}
