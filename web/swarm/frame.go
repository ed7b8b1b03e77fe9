package swarm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"

	"confab/domain"
)

// Opcodes of RFC 6455, section 5.2. The server's frames are whole and unmasked.
const (
	opText  = 0x81
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8A
)

// cut splits the first frame off b. ok is false while it is not all there.
func cut(b []byte) (op byte, payload, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, b, false
	}
	n, header := uint64(b[1]), 2
	switch {
	case n == 126 && len(b) >= 4:
		n, header = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case n == 127 && len(b) >= 10:
		n, header = binary.BigEndian.Uint64(b[2:]), 10
	case n >= 126:
		return 0, nil, b, false
	}
	if uint64(len(b)-header) < n {
		return 0, nil, b, false
	}
	end := header + int(n)
	return b[0], b[header:end], b[end:], true
}

// appendFrame appends a client's frame. Its mask is zero, which RFC 6455 allows, so that
// the payload stays as it is.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, op, 0x80|byte(n))
	case n <= 0xFFFF:
		dst = binary.BigEndian.AppendUint16(append(dst, op, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, op, 0x80|127), uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}

// stampDigits is the length of the time, in nanoseconds since 1970, that begins the body
// of a message, and that is the id of a send frame.
const stampDigits = 19

// Body returns the body of a message sent at t: n bytes, but at least as many as hold the
// time.
func Body(t time.Time, n int) []byte {
	b := strconv.AppendInt(make([]byte, 0, max(n, stampDigits)), t.UnixNano(), 10)
	for len(b) < n {
		b = append(b, 'x')
	}
	return b
}

// stamp reads what Body wrote.
func stamp(b []byte) (ns int64, ok bool) {
	if len(b) < stampDigits {
		return 0, false
	}
	for _, c := range b[:stampDigits] {
		if c < '0' || c > '9' {
			return 0, false
		}
		ns = 10*ns + int64(c-'0')
	}
	return ns, true
}

// eventOpening is what every event frame of a room begins with.
func eventOpening(room domain.RoomID) []byte {
	return []byte(`{"type":"event","room":"` + string(room) + `","seq":`)
}

// seqOf reads the seq of an event frame of the room with this opening.
func seqOf(payload, opening []byte) (seq uint64, ok bool) {
	digits, ok := bytes.CutPrefix(payload, opening)
	if !ok {
		return 0, false
	}
	for i, c := range digits {
		if c < '0' || c > '9' {
			return seq, i > 0 && c == ','
		}
		seq = 10*seq + uint64(c-'0')
	}
	return 0, false
}

var bodyOpening = []byte(`"body":"`)

// bodies finds the body in event frames. It is mostly as far from the end as in the frame
// before, and looking for it would cost more than all else that is done about a frame.
type bodies struct{ fromEnd int }

// sentAt reads the time out of an event frame, if it is of a message of Body.
func (b *bodies) sentAt(payload []byte) (ns int64, ok bool) {
	i := len(payload) - b.fromEnd
	if i < 0 || !bytes.HasPrefix(payload[i:], bodyOpening) {
		// No other place of a JSON text looks like it: a string has no bare quotes.
		if i = bytes.Index(payload, bodyOpening); i < 0 {
			return 0, false
		}
		b.fromEnd = len(payload) - i
	}
	return stamp(payload[i+len(bodyOpening):])
}

// typeOf returns what follows `{"type":"`, up to the next quote.
func typeOf(payload []byte) string {
	rest, ok := bytes.CutPrefix(payload, []byte(`{"type":"`))
	if !ok {
		return ""
	}
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(name)
}

// idOf returns the time in the id of an ack.
func idOf(payload []byte) (ns int64, ok bool) {
	_, rest, ok := bytes.Cut(payload, []byte(`"id":"`))
	if !ok {
		return 0, false
	}
	return stamp(rest)
}

// quoted is s as JSON.
func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}
