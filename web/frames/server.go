package frames

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"confab/domain"
)

// The frames that the server sends. Milliseconds are 0 where they are not known.
type (
	// Welcome comes first.
	Welcome struct {
		User    domain.User `json:"user"`
		Node    string      `json:"node"`
		PingMS  int64       `json:"ping_ms"`
		MaxBody int         `json:"max_body"`
	}
	// Subscribed answers Subscribe; the events follow.
	Subscribed struct {
		ID    string        `json:"id"`
		Room  domain.RoomID `json:"room"`
		Epoch string        `json:"epoch"`
		Head  uint64        `json:"head"`
	}
	// EventFrame is an event of a subscribed room. The server builds it with Event.
	EventFrame struct {
		Event domain.Event
	}
	// CaughtUp says once per subscription that everything up to Seq was sent.
	CaughtUp struct {
		Room domain.RoomID `json:"room"`
		Seq  uint64        `json:"seq"`
	}
	// Unsubscribed answers Unsubscribe; no event of the room follows.
	Unsubscribed struct {
		ID   string        `json:"id"`
		Room domain.RoomID `json:"room"`
	}
	// Ack answers Send.
	Ack struct {
		ID        string        `json:"id"`
		Room      domain.RoomID `json:"room"`
		Seq       uint64        `json:"seq"`
		At        domain.Time   `json:"at"`
		Duplicate bool          `json:"duplicate,omitempty"`
	}
	// Pong answers Ping.
	Pong struct {
		ID string `json:"id"`
	}
	// Error answers what could not be done. ID is empty when the frame had none that
	// could be told. With Room set it says that the subscription under ID ended.
	Error struct {
		ID           string        `json:"id,omitempty"`
		Room         domain.RoomID `json:"room,omitempty"`
		Code         domain.Code   `json:"code"`
		Message      string        `json:"message"`
		RetryAfterMS int64         `json:"retry_after_ms,omitempty"`
	}
	// Reset ends a subscription, or answers Subscribe in place of Subscribed: the
	// cursor is not of this room's history.
	Reset struct {
		ID    string        `json:"id"`
		Room  domain.RoomID `json:"room"`
		Epoch string        `json:"epoch"`
		Head  uint64        `json:"head"`
	}
	// Heartbeat tells the newest seq of every subscribed room.
	Heartbeat struct {
		Heads map[domain.RoomID]uint64 `json:"heads"`
	}
	// Goodbye comes before the server closes.
	Goodbye struct {
		Code         string `json:"code"`
		RetryAfterMS int64  `json:"retry_after_ms"`
	}
	// Unknown is a frame of a type that a newer server knows. Clients ignore it.
	Unknown struct {
		Name string `json:"-"`
	}
)

// Type implements Frame.
func (Welcome) Type() string { return "welcome" }

// Type implements Frame.
func (Subscribed) Type() string { return "subscribed" }

// Type implements Frame.
func (EventFrame) Type() string { return "event" }

// Type implements Frame.
func (CaughtUp) Type() string { return "caught_up" }

// Type implements Frame.
func (Unsubscribed) Type() string { return "unsubscribed" }

// Type implements Frame.
func (Ack) Type() string { return "ack" }

// Type implements Frame.
func (Pong) Type() string { return "pong" }

// Type implements Frame.
func (Error) Type() string { return "error" }

// Type implements Frame.
func (Reset) Type() string { return "reset" }

// Type implements Frame.
func (Heartbeat) Type() string { return "heartbeat" }

// Type implements Frame.
func (Goodbye) Type() string { return "goodbye" }

// Type implements Frame.
func (u Unknown) Type() string { return u.Name }

// Event returns the frame of an event, as it goes onto the socket of every receiver.
// The record's canonical JSON is copied, not encoded again.
func Event(rec domain.Record) []byte {
	const head, seq, event = `{"type":"event","room":"`, `","seq":`, `,"event":{`
	digits := strconv.AppendUint(make([]byte, 0, 20), rec.Seq, 10)
	tail := rec.Tail()
	n := len(head) + len(rec.Room) + len(seq) + len(digits) + len(event) + len(tail) + len("}")
	b := appendHeader(make([]byte, 0, maxHeader+n), opText, n)
	b = append(b, head...)
	b = append(b, rec.Room...)
	b = append(b, seq...)
	b = append(b, digits...)
	b = append(b, event...)
	b = append(b, tail...)
	return append(b, '}')
}

// Record returns the record that Event made the frame of.
func Record(frame []byte) (domain.Record, error) {
	malformed := errors.New("read event frame: it is not one of Event's")
	if len(frame) < 2 || frame[0] != opText {
		return domain.Record{}, malformed
	}
	header := map[byte]int{126: 4, 127: 10}[frame[1]]
	if header == 0 {
		header = 2
	}
	rest, ok := bytes.CutPrefix(frame[min(header, len(frame)):], []byte(`{"type":"event","room":"`))
	room, rest, ok2 := bytes.Cut(rest, []byte(`","seq":`))
	digits, tail, ok3 := bytes.Cut(rest, []byte(`,"event":{`))
	if tail, ok4 := bytes.CutSuffix(tail, []byte("}")); ok && ok2 && ok3 && ok4 {
		return domain.SkimRecord(domain.RoomID(room), fmt.Appendf(nil, `{"room":"%s","seq":%s,%s`, room, digits, tail))
	}
	return domain.Record{}, malformed
}

// append appends what encoding/json would write, at a quarter of its cost: one goes out
// for every message sent.
func (a Ack) append(b []byte) []byte {
	b = appendText(append(b, `{"id":`...), a.ID)
	b = appendText(append(b, `,"room":`...), string(a.Room))
	b = strconv.AppendUint(append(b, `,"seq":`...), a.Seq, 10)
	b, _ = a.At.AppendText(append(b, `,"at":"`...)) // it never fails
	b = append(b, '"')
	if a.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	return append(b, '}')
}

// appendText appends a text as JSON.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			escaped, _ := json.Marshal(s) // a string cannot fail
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// MarshalJSON writes what Event does.
func (f EventFrame) MarshalJSON() ([]byte, error) {
	rec, err := domain.EncodeEvent(f.Event)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"room":"%s","seq":%d,"event":{%s}`, rec.Room, rec.Seq, rec.Tail()), nil
}

// UnmarshalJSON puts room and seq, which stand beside the event, into it.
func (f *EventFrame) UnmarshalJSON(b []byte) error {
	var in struct {
		Room  domain.RoomID `json:"room"`
		Seq   uint64        `json:"seq"`
		Event domain.Event  `json:"event"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	f.Event = in.Event
	f.Event.Room, f.Event.Seq = in.Room, in.Seq
	return nil
}

// DecodeServer reads a frame of the server, for clients. A frame of an unknown type
// is Unknown and no error; unknown fields are ignored.
func DecodeServer(msg []byte) (Frame, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(msg, &head); err != nil {
		return nil, fmt.Errorf("decode frame: %w", err)
	}
	switch head.Type {
	case "welcome":
		return decodeAs[Welcome](msg)
	case "subscribed":
		return decodeAs[Subscribed](msg)
	case "event":
		return decodeAs[EventFrame](msg)
	case "caught_up":
		return decodeAs[CaughtUp](msg)
	case "unsubscribed":
		return decodeAs[Unsubscribed](msg)
	case "ack":
		return decodeAs[Ack](msg)
	case "pong":
		return decodeAs[Pong](msg)
	case "error":
		return decodeAs[Error](msg)
	case "reset":
		return decodeAs[Reset](msg)
	case "heartbeat":
		return decodeAs[Heartbeat](msg)
	case "goodbye":
		return decodeAs[Goodbye](msg)
	}
	return Unknown{Name: head.Type}, nil
}

func decodeAs[F Frame](msg []byte) (Frame, error) {
	var f F
	if err := json.Unmarshal(msg, &f); err != nil {
		return nil, fmt.Errorf("decode %s frame: %w", f.Type(), err)
	}
	return f, nil
}
