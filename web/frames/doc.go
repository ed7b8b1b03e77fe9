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
func Marshal(f Frame) []byte {
	fields := fieldsOf(f)
	b := make([]byte, 0, len(`{"type":"",`)+len(f.Type())+len(fields))
	b = append(append(append(b, `{"type":"`...), f.Type()...), '"')
	if len(fields) > len("{}") {
		b = append(b, ',')
	}
	return append(b, fields[1:]...)
}

// Text returns a frame of the server as it goes onto the socket: a WebSocket text
// frame that holds its JSON.
func Text(f Frame) []byte {
	payload := Marshal(f)
	return append(appendHeader(make([]byte, 0, maxHeader+len(payload)), opText, len(payload)), payload...)
}

// fieldsOf returns the JSON object of a frame's fields.
func fieldsOf(f Frame) (fields []byte) {
	var err error
	if m, ok := f.(json.Marshaler); ok {
		fields, err = m.MarshalJSON() // json.Marshal would check and copy what it returns
	} else {
		fields, err = json.Marshal(f)
	}
	if err != nil { // the types of this package hold nothing that JSON cannot say
		panic(fmt.Sprintf("frames: marshal %s: %v", f.Type(), err))
	}
	return fields
}
