package frames

import "encoding/binary"

// Opcodes of RFC 6455, section 5.2, with the FIN bit: nothing here is fragmented.
const (
	opText  = 0x81
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8A
)

const (
	maxHeader         = 10
	maxControlPayload = 125
)

// appendHeader appends the header of an unmasked frame, as servers send them: it is
// the same for every receiver.
func appendHeader(dst []byte, op byte, n int) []byte {
	switch {
	case n < 126:
		return append(dst, op, byte(n))
	case n <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, op, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, op, 127), uint64(n))
	}
}

// ControlPing returns a ping of WebSocket's own, which is no frame of the contract.
func ControlPing() []byte { return []byte{opPing, 0} }

// ControlPong returns the answer to a WebSocket ping that carried payload.
func ControlPong(payload string) []byte { return control(opPong, payload) }

// Close returns a WebSocket close frame.
func Close(code int, reason string) []byte {
	return control(opClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

func control(op byte, payload string) []byte {
	payload = payload[:min(len(payload), maxControlPayload)]
	return append(appendHeader(nil, op, len(payload)), payload...)
}
