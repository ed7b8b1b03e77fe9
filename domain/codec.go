package domain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Record is an event as it is kept and sent: its position and its canonical JSON,
//
//	{"room":"R","seq":42,"kind":"message.posted","id":…}
//
// The JSON is made once, when the event is accepted, and is the same bytes in the
// log, the room stream, the archive and, behind another opening, in every frame.
type Record struct {
	Room    RoomID
	Seq     uint64
	Payload []byte
}

// Event decodes the record. It fails when the payload is of another position.
func (r Record) Event() (Event, error) {
	e, err := DecodeEvent(r.Payload)
	if err == nil && (e.Room != r.Room || e.Seq != r.Seq) {
		err = fmt.Errorf("decode event: the record %s:%d holds event %s:%d", r.Room, r.Seq, e.Room, e.Seq)
	}
	return e, err
}

// Kind returns the event's kind without decoding the rest.
func (r Record) Kind() Kind {
	_, rest, ok := bytes.Cut(r.Tail(), []byte(`"kind":"`))
	if !ok {
		return ""
	}
	kind, _, _ := bytes.Cut(rest, []byte(`"`))
	if string(kind) == string(MessagePosted) {
		return MessagePosted // no allocation
	}
	return Kind(kind)
}

// Tail returns the canonical JSON from the kind on, without the opening brace, room
// and seq: `"kind":"message.posted",…}`. It shares the record's memory.
func (r Record) Tail() []byte {
	i := openingLength(r.Room)
	if len(r.Payload) <= i {
		return nil
	}
	_, tail, _ := bytes.Cut(r.Payload[i:], []byte(","))
	return tail
}

func appendOpening(b []byte, room RoomID) []byte {
	return append(append(append(b, `{"room":"`...), room...), `","seq":`...)
}

func openingLength(room RoomID) int { return len(`{"room":"","seq":`) + len(room) }

// EncodeUnsequenced returns the canonical JSON of e with its seq left out, and the
// offset at which the decimal digits of the seq belong. The append script fills
// them in, so that the seq is decided and written in one atomic step.
func EncodeUnsequenced(e Event) (payload []byte, seqAt int, err error) {
	payload, err = encode(e)
	if err != nil {
		return nil, 0, err
	}
	seqAt = openingLength(e.Room)
	digits := len(strconv.FormatUint(e.Seq, 10))
	return append(payload[:seqAt], payload[seqAt+digits:]...), seqAt, nil
}

// EncodeEvent returns the record of an event that has its seq.
func EncodeEvent(e Event) (Record, error) {
	payload, err := encode(e)
	return Record{Room: e.Room, Seq: e.Seq, Payload: payload}, err
}

func encode(e Event) ([]byte, error) {
	if b, ok := writePosted(e); ok {
		return b, nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // the payload is never put into a page as it is
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// DecodeRecord reads the position out of a canonical payload, which the record then
// holds. It fails on anything that is not a decodable event in canonical order.
func DecodeRecord(payload []byte) (Record, error) {
	e, err := DecodeEvent(payload)
	if err != nil {
		return Record{}, err
	}
	rec, err := SkimRecord(e.Room, payload)
	if err != nil || rec.Seq != e.Seq || !bytes.HasPrefix(rec.Tail(), []byte(`"kind":"`+string(e.Kind)+`"`)) {
		return Record{}, fmt.Errorf("decode event: room, seq and kind do not come first")
	}
	return rec, nil
}

// SkimRecord reads no more of a payload than its position, which must be in room. It
// is for bytes that the append script wrote, and far cheaper than DecodeRecord.
func SkimRecord(room RoomID, payload []byte) (Record, error) {
	var buf [64]byte
	rest, ok := bytes.CutPrefix(payload, appendOpening(buf[:0], room))
	digits, _, ok2 := bytes.Cut(rest, []byte(","))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	if !ok || !ok2 || err != nil || seq == 0 {
		return Record{}, fmt.Errorf("skim record: not a payload of room %s", room)
	}
	return Record{Room: room, Seq: seq, Payload: payload}, nil
}

// DecodeEvent decodes canonical JSON. Unknown fields and kinds are kept quiet about:
// a newer node may have written them.
func DecodeEvent(payload []byte) (Event, error) {
	if e, ok := readPosted(payload); ok {
		return e, nil
	}
	var e Event
	if !utf8.Valid(payload) {
		return e, fmt.Errorf("decode event: not UTF-8")
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return e, fmt.Errorf("decode event: %w", err)
	}
	if e.Seq == 0 || e.Kind == "" || !ValidID(string(e.Room)) {
		return e, fmt.Errorf("decode event: room, seq or kind is missing")
	}
	return e, nil
}
