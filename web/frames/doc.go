// Package frames is the WebSocket side of the wire contract as Go types: what
// clients send, decoded strictly, and what the server sends, built ready for the
// socket. It does no I/O. The server, the Go client and the load generator share it.
//
// testdata holds a golden file for every frame and every kind of event. Clients in
// other languages read the same files in their tests; a file that was released is
// never changed, only new ones are added.
package frames

import (
	"encoding/json"
	"fmt"
)

// Frame is one message of either direction. Its fields are the JSON object without
// "type", which Marshal puts first.
type Frame interface{ Type() string }

// Marshal returns the JSON of a frame.
func Marshal(f Frame) []byte { return appendJSON(nil, f) }

func appendJSON(b []byte, f Frame) []byte {
	b = append(append(append(b, `{"type":"`...), f.Type()...), '"')
	opening := len(b)
	b = appendFields(b, f)
	if string(b[opening:]) == "{}" {
		return append(b[:opening], '}')
	}
	b[opening] = ','
	return b
}

// Text returns a frame of the server as it goes onto the socket: a WebSocket text
// frame that holds its JSON.
func Text(f Frame) []byte { return AppendText(nil, f) }

// AppendText appends what Text returns to b.
func AppendText(b []byte, f Frame) []byte {
	start := len(b)
	b = appendJSON(append(b, make([]byte, maxHeader)...), f)
	payload := b[start+maxHeader:]
	return append(appendHeader(b[:start], opText, len(payload)), payload...) // moves it down
}

// appendFields appends the JSON object of a frame's fields.
func appendFields(b []byte, f Frame) []byte {
	var (
		fields []byte
		err    error
	)
	switch f := f.(type) {
	case Ack:
		return f.append(b)
	case json.Marshaler:
		fields, err = f.MarshalJSON() // json.Marshal would check and copy what it returns
	default:
		fields, err = json.Marshal(f)
	}
	if err != nil { // the types of this package hold nothing that JSON cannot say
		panic(fmt.Sprintf("frames: marshal %s: %v", f.Type(), err))
	}
	return append(b, fields...)
}
