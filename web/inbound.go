package web

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// take puts what has come into an inbox; as long as nothing comes a connection holds none.
// One that cannot be parked waits until something has.
func (c *conn) take() error {
	c.in = borrowInbox(c.net)
	var err error
	if c.watched {
		err = c.in.fillNow(c.out.now.raw)
	} else {
		c.in.w, err = c.in.read(c.in.buf[:])
	}
	switch {
	case !c.in.empty():
		return nil // an error comes again
	case errors.Is(err, syscall.EAGAIN):
		c.letGo()
		return nil
	}
	return err
}

// letGo gives the inbox back.
func (c *conn) letGo() {
	if c.in != nil {
		c.in.giveBack()
		c.in = nil
	}
}

// inbox reads a client's messages, RFC 6455 section 5, while there are any. Between
// two messages it has no state but what its buffer holds.
type inbox struct {
	conn net.Conn
	to   controlled

	buf  [inboxSize]byte
	r, w int  // what has come and was not taken yet is buf[r:w]
	full bool // the last read got all that it had room for: there may be more

	now func(fd uintptr) // fillNow's part, made once
	err error            // its outcome

	fin    bool  // the frame in hand is its message's last
	left   int64 // bytes of its payload still to come
	mask   [4]byte
	pieces int // frames of the message in hand
}

// controlled is told of each control frame, in the middle of a message, too. Its error
// ends reading.
type controlled interface {
	control(op byte, payload []byte) error
}

// inboxSize is more than nearly every message of a client. What is longer is read past
// the buffer.
const inboxSize = 4 << 10

// maxPieces bounds the frames of one message, since the pace is that of messages: empty
// frames without end would take a processor.
const maxPieces = 16 << 10

var inboxes = sync.Pool{New: func() any {
	b := &inbox{fin: true}
	b.now = func(fd uintptr) { b.w, b.err = readNow(fd, b.buf[:]) }
	return b
}}

func borrowInbox(conn net.Conn) *inbox {
	b := inboxes.Get().(*inbox)
	b.conn = conn
	return b
}

func (b *inbox) giveBack() {
	b.conn, b.to, b.r, b.w, b.fin, b.left, b.err = nil, nil, 0, 0, true, 0, nil
	inboxes.Put(b)
}

// fillNow reads what has come, without waiting: EAGAIN if nothing has.
func (b *inbox) fillNow(raw syscall.RawConn) error {
	err := raw.Control(b.now)
	b.full = b.w == len(b.buf)
	return cmp.Or(err, b.err)
}

// read waits until something has come.
func (b *inbox) read(p []byte) (int, error) {
	n, err := b.conn.Read(p)
	b.full = n == len(p)
	return n, err
}

// Opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// protocolError is a violation of RFC 6455.
type protocolError string

func (e protocolError) Error() string { return "websocket: " + string(e) }

// closeError is the client's close frame.
type closeError int

func (e closeError) Error() string { return fmt.Sprintf("the client closed with %d", int(e)) }

func (b *inbox) empty() bool { return b.r == b.w }

// take returns the next n bytes, which are good until the next call. n is at most the
// buffer's size.
func (b *inbox) take(n int) ([]byte, error) {
	for b.w-b.r < n {
		if b.r > 0 {
			b.w = copy(b.buf[:], b.buf[b.r:b.w])
			b.r = 0
		}
		m, err := b.read(b.buf[b.w:])
		b.w += m
		if err != nil && b.w < n {
			return nil, err
		}
	}
	p := b.buf[b.r : b.r+n]
	b.r += n
	return p, nil
}

// whole returns the payload of a message that is one frame and fits into the buffer. It
// is good until the next call.
func (b *inbox) whole() (msg []byte, ok bool, err error) {
	if !b.fin || b.left > int64(len(b.buf)) {
		return nil, false, nil
	}
	p, err := b.take(int(b.left))
	if err != nil {
		return nil, false, err
	}
	b.left = 0
	unmask(p, &b.mask)
	return p, true, nil
}

// Read reads the payload of the message in hand, to io.EOF at its end.
func (b *inbox) Read(p []byte) (n int, err error) {
	for b.left == 0 {
		if b.fin {
			return 0, io.EOF
		}
		if _, err := b.next(); err != nil {
			return 0, noEOF(err)
		}
	}
	p = p[:min(int64(len(p)), b.left)]
	if b.empty() {
		n, err = b.read(p)
	} else {
		n = copy(p, b.buf[b.r:b.w])
		b.r += n
	}
	b.left -= int64(n)
	unmask(p[:n], &b.mask)
	if n > 0 {
		return n, nil // an error comes again
	}
	return 0, noEOF(err)
}

// noEOF keeps the end of the connection from being taken for the end of a message.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next begins the next frame and returns its opcode. A control frame has been dealt with
// then: whoever waited here for what follows it would hold a buffer from one ping to the next.
func (b *inbox) next() (op byte, err error) {
	op, err = b.header()
	if err != nil || op < opClose {
		return op, err
	}
	p, err := b.take(int(b.left))
	if err != nil {
		return 0, err
	}
	b.left = 0
	unmask(p, &b.mask)
	return op, b.to.control(op, p)
}

func (b *inbox) header() (op byte, err error) {
	p, err := b.take(2)
	if err != nil {
		return 0, err
	}
	op = p[0] & 0xF
	fin, length := p[0]&0x80 != 0, uint64(p[1]&0x7F)
	switch {
	case p[0]&0x70 != 0:
		return 0, protocolError("reserved bits are set")
	case p[1]&0x80 == 0:
		return 0, protocolError("a frame of a client is masked")
	case op > opPong || op > opBinary && op < opClose:
		return 0, protocolError("unknown opcode")
	case op >= opClose && (!fin || length > 125):
		return 0, protocolError("a control frame is short and whole")
	case op == opContinuation && b.fin:
		return 0, protocolError("a continuation of nothing")
	case (op == opText || op == opBinary) && !b.fin:
		return 0, protocolError("a message within another")
	case op == opContinuation && b.pieces == maxPieces:
		return 0, protocolError("a message in too many pieces")
	}
	extended := 0
	switch length {
	case 126:
		extended = 2
	case 127:
		extended = 8
	}
	if p, err = b.take(extended); err != nil {
		return 0, err
	}
	switch extended {
	case 2:
		length = uint64(binary.BigEndian.Uint16(p))
	case 8:
		length = binary.BigEndian.Uint64(p)
	}
	if length > math.MaxInt64 {
		return 0, protocolError("a frame beyond measure")
	}
	if p, err = b.take(len(b.mask)); err != nil {
		return 0, err
	}
	copy(b.mask[:], p)
	b.left = int64(length)
	if op == opText || op == opBinary {
		b.pieces = 0
	}
	if op < opClose {
		b.fin = fin
		b.pieces++
	}
	return op, nil
}

// unmask turns p, which the client has masked, into what it means, and mask so that it
// fits what follows p.
func unmask(p []byte, mask *[4]byte) {
	m := uint64(binary.LittleEndian.Uint32(mask[:]))
	m |= m << 32
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^m)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= mask[i&3]
	}
	k := *mask
	for i := range mask {
		mask[i] = k[(i+len(p))&3]
	}
}

// closeCode reads the payload of a close frame.
func closeCode(p []byte) error {
	if len(p) < 2 {
		return closeError(websocket.CloseNoStatusReceived)
	}
	if !utf8.Valid(p[2:]) {
		return protocolError("a close frame that is not UTF-8")
	}
	code := int(binary.BigEndian.Uint16(p))
	if code >= 1000 && code <= 1013 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code <= 4999 {
		return closeError(code)
	}
	return protocolError("no code to close with")
}
