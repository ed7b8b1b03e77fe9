package domain

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Nearly every event is a posted message of plain text. It is written and read by hand
// here, several times cheaper than by encoding/json, which does all the others; both
// write and read the same.

// writePosted returns the canonical JSON of e, or false if it is not such an event.
func writePosted(e Event) ([]byte, bool) {
	// With any other field set, also one that is yet to come, it is another event.
	if e.Key == "" || e.Body == "" || e != (Event{
		Room: e.Room, Seq: e.Seq, Kind: MessagePosted, ID: e.ID, At: e.At, Actor: e.Actor, Key: e.Key, Body: e.Body,
	}) {
		return nil, false
	}
	size := 0
	for _, text := range [...]string{string(e.Room), e.ID, string(e.Actor.ID), e.Actor.Name, e.Key, e.Body} {
		if !isPlain(text) {
			return nil, false
		}
		size += len(text)
	}
	b := make([]byte, 0, size+170) // the rest takes no more
	b = strconv.AppendUint(appendOpening(b, e.Room), e.Seq, 10)
	b = append(append(b, `,"kind":"message.posted","id":"`...), e.ID...)
	b = e.At.append(append(b, `","at":"`...))
	b = append(append(b, `","actor":{"id":"`...), e.Actor.ID...)
	b = append(append(b, `","name":"`...), e.Actor.Name...)
	b = append(b, '"')
	if e.Actor.Guest {
		b = append(b, guest...)
	}
	b = append(append(b, `},"key":"`...), e.Key...)
	b = append(append(b, `","body":"`...), e.Body...)
	return append(b, `"}`...), true
}

const guest = `,"guest":true`

// readPosted reads what writePosted writes, or returns false.
func readPosted(payload []byte) (Event, bool) {
	r := reader{rest: string(payload)} // the event's texts share its memory
	e := Event{Kind: MessagePosted}
	e.Room = RoomID(strings.Clone(r.between(`{"room":"`, `"`))) // but rooms are kept for longer
	seq := r.between(`,"seq":`, `,`)
	e.ID = r.between(`"kind":"message.posted","id":"`, `"`)
	at := r.between(`,"at":"`, `"`)
	e.Actor.ID = UserID(r.between(`,"actor":{"id":"`, `"`))
	e.Actor.Name = r.between(`,"name":"`, `"`)
	r.rest, e.Actor.Guest = strings.CutPrefix(r.rest, guest)
	e.Key = r.between(`},"key":"`, `"`)
	e.Body = r.between(`,"body":"`, `"`)
	var t time.Time
	timeErr := t.UnmarshalText([]byte(at))
	e.At = At(t)
	var seqErr error
	e.Seq, seqErr = strconv.ParseUint(seq, 10, 64)
	ok := !r.bad && r.rest == "}" && timeErr == nil && seqErr == nil && seq[0] != '0' && ValidID(string(e.Room))
	return e, ok
}

type reader struct {
	rest string
	bad  bool // something else was there
}

// between reads plain text that stands between opening and end.
func (r *reader) between(opening, end string) string {
	rest, ok := strings.CutPrefix(r.rest, opening)
	text, rest, ended := strings.Cut(rest, end)
	r.rest = rest
	r.bad = r.bad || !ok || !ended || !isPlain(text)
	return text
}

// isPlain reports whether JSON writes s as it is.
func isPlain(s string) bool {
	var all byte
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
		all |= c
	}
	// Of what is no ASCII it replaces broken UTF-8, and escapes two kinds of line end.
	return all < utf8.RuneSelf || utf8.ValidString(s) && !strings.ContainsAny(s, "\u2028\u2029")
}
