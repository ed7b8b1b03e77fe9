package web

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// stream is a connection on which some bytes come, a few at a time.
type stream struct {
	net.Conn
	data []byte
	each int
}

func (s *stream) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), s.each)], s.data)
	s.data = s.data[n:]
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// heard is what a reader makes of a stream.
type heard struct {
	messages [][]byte // each with its opcode in front
	controls [][]byte
	violates bool
	closed   int
}

type controls func(op byte, p []byte) error

func (f controls) control(op byte, p []byte) error { return f(op, p) }

func hearInbox(data []byte, each int) (h heard) {
	b := borrowInbox(&stream{data: data, each: each})
	defer b.giveBack()
	b.to = controls(func(op byte, p []byte) error {
		if op == opClose {
			return closeCode(p)
		}
		h.controls = append(h.controls, append([]byte{op}, p...))
		return nil
	})
	for {
		op, err := b.next()
		if err == nil && op >= opClose {
			continue
		}
		if err == nil {
			var msg []byte
			var ok bool
			if msg, ok, err = b.whole(); !ok && err == nil {
				msg, err = io.ReadAll(b)
			}
			if err == nil {
				h.messages = append(h.messages, append([]byte{op}, msg...))
				continue
			}
		}
		if code, ok := errors.AsType[closeError](err); ok {
			h.closed = int(code)
		}
		_, h.violates = errors.AsType[protocolError](err)
		return h
	}
}

// hijacked lets gorilla's server take over a connection.
type hijacked struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

type quiet struct{ *stream }

func (quiet) Write(p []byte) (int, error)      { return len(p), nil }
func (quiet) Close() error                     { return nil }
func (quiet) SetDeadline(time.Time) error      { return nil }
func (quiet) SetWriteDeadline(time.Time) error { return nil }

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(bytes.NewReader(nil)), bufio.NewWriter(io.Discard)), nil
}

func hearGorilla(t *testing.T, data []byte, each int) (h heard) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{"Connection": "upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
		r.Header.Set(name, value)
	}
	var u websocket.Upgrader
	u.ReadBufferSize = 1024
	ws, err := u.Upgrade(hijacked{httptest.NewRecorder(), quiet{&stream{data: data, each: each}}}, r, nil)
	require.NoError(t, err)
	ws.SetPingHandler(func(p string) error { h.controls = append(h.controls, append([]byte{opPing}, p...)); return nil })
	ws.SetPongHandler(func(p string) error { h.controls = append(h.controls, append([]byte{opPong}, p...)); return nil })
	ws.SetCloseHandler(func(int, string) error { return nil })
	for {
		op, msg, err := ws.ReadMessage()
		if err == nil {
			h.messages = append(h.messages, append([]byte{byte(op)}, msg...))
			continue
		}
		if c, ok := errors.AsType[*websocket.CloseError](err); ok && c.Code != websocket.CloseAbnormalClosure {
			h.closed = c.Code
			return h
		}
		h.violates = !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) &&
			!websocket.IsCloseError(err, websocket.CloseAbnormalClosure)
		return h
	}
}

func clientFrameOf(first byte, payload string) []byte {
	f := []byte{first}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	case n <= 0xFFFF:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	f = append(f, mask[:]...)
	for i := range len(payload) {
		f = append(f, payload[i]^mask[i%4])
	}
	return f
}

// FuzzInbox: whatever comes, and in whatever pieces, we make of it what gorilla does.
func FuzzInbox(f *testing.F) {
	long := string(bytes.Repeat([]byte("0123456789"), 1000))
	hello := clientFrameOf(0x81, "hello")
	for _, seed := range [][]byte{
		hello,
		append(hello, clientFrameOf(0x82, "")...),
		clientFrameOf(0x81, long[:126]),
		append(clientFrameOf(0x81, long), hello...),
		clientFrameOf(0x81, long+long+long+long+long+long+long),
		append(append(clientFrameOf(0x01, "hel"), clientFrameOf(0x89, "there?")...), clientFrameOf(0x80, "lo")...),
		append(append(clientFrameOf(0x01, long), clientFrameOf(0x00, "")...), clientFrameOf(0x80, "lo")...),
		clientFrameOf(0x8A, "pong"),
		clientFrameOf(0x88, ""),
		clientFrameOf(0x88, "\x03\xe8bye"),
		clientFrameOf(0x88, "\x03\xe8\xff"),
		clientFrameOf(0x88, "\x03\xed"), // 1005
		clientFrameOf(0x88, "\x03"),
		append(clientFrameOf(0x01, "a"), hello...), // a message within another
		clientFrameOf(0x80, "of nothing"),
		clientFrameOf(0xC1, "reserved bit"),
		clientFrameOf(0x83, "unknown"),
		clientFrameOf(0x8B, "unknown"),
		clientFrameOf(0x09, "in pieces"),
		clientFrameOf(0x89, long[:126]),
		{0x81, 5, 'h', 'e', 'l', 'l', 'o'}, // not masked
		{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0},
		{0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 'x'},
		hello[:3],
		hello[:8],
	} {
		for _, each := range []uint16{1, 7, 4096} {
			f.Add(seed, each)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, each uint16) {
		n := int(each) + 1
		want := hearGorilla(t, data, n)
		require.Equal(t, want, hearInbox(bytes.Clone(data), n))
	})
}

// Pieces are bounded for each message, not for the connection.
func TestInbox_countsPiecesOfAMessage(t *testing.T) {
	message := clientFrameOf(0x01, "a")
	for range maxPieces * 3 / 4 {
		message = append(message, clientFrameOf(0x00, "")...)
	}
	message = append(message, clientFrameOf(0x80, "z")...)
	heard := hearInbox(bytes.Repeat(message, 3), len(message))
	require.False(t, heard.violates)
	require.Equal(t, [][]byte{[]byte("\x01az"), []byte("\x01az"), []byte("\x01az")}, heard.messages)
}

// TestInbox_unmasks as the simple loop does, in whatever pieces.
func TestInbox_unmasks(t *testing.T) {
	for first := range 20 {
		for second := range 20 {
			mask := [4]byte{0x11, 0x22, 0x33, 0x44}
			want := make([]byte, first+second)
			for i := range want {
				want[i] = mask[i%4]
			}
			got := make([]byte, first+second)
			unmask(got[:first], &mask)
			unmask(got[first:], &mask)
			require.Equal(t, want, got)
		}
	}
}
