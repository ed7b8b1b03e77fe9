//go:build linux

package swarm

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web/frames"
)

const room = domain.RoomID("room")

// serve runs a server that accepts one connection, shakes hands, and then does as told.
// It returns a swarm with that one connection.
func serve(t *testing.T, after func(conn net.Conn, in *bufio.Reader)) (*Swarm, *Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		// The first frame comes together with the handshake's end.
		_, _ = conn.Write(append([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"), frames.Text(frames.Welcome{})...))
		after(conn, in)
	}()
	s, err := New(ln.Addr().(*net.TCPAddr).AddrPort())
	require.NoError(t, err)
	t.Cleanup(func() { s.Close(); ln.Close(); <-served })
	conns, err := s.Dial(1, func(int) Login { return Login{Token: "token"} })
	require.NoError(t, err)
	return s, conns[0]
}

func event(t *testing.T, id domain.RoomID, seq uint64, body string) []byte {
	t.Helper()
	rec, err := domain.EncodeEvent(domain.Event{Room: id, Seq: seq, Kind: domain.MessagePosted, Body: body})
	require.NoError(t, err)
	return frames.Event(rec)
}

// await waits for what the swarm has seen, or fails.
func await(t *testing.T, s *Swarm, what string, reached func(*Stats) bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return s.Await(ctx, what, reached)
}

func TestSwarm_checksTheOrder(t *testing.T) {
	tests := []struct {
		name   string
		events []uint64
		of     domain.RoomID
		broken int64
	}{
		{"one after the other", []uint64{6, 7, 8}, room, 0},
		{"a gap", []uint64{6, 8}, room, 1},
		{"a repeat", []uint64{6, 6}, room, 1},
		{"reordered", []uint64{6, 8, 7}, room, 2},
		{"from too far back", []uint64{5}, room, 1},
		{"another room's", []uint64{6}, "other", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent := make(chan []byte)
			s, c := serve(t, func(conn net.Conn, _ *bufio.Reader) { _, _ = conn.Write(<-sent); <-sent })
			defer close(sent)
			after := uint64(5)
			require.NoError(t, c.Subscribe(room, &after))
			var all []byte
			for _, seq := range tt.events {
				all = append(all, event(t, tt.of, seq, "hi")...)
			}
			sent <- append(all, frames.Text(frames.CaughtUp{Room: tt.of, Seq: 9})...)
			err := await(t, s, "all came", func(s *Stats) bool { return s.CaughtUp == 1 && tt.broken == s.Violations })
			assert.Equal(t, tt.broken, s.Stats().Violations)
			assert.Equal(t, tt.broken > 0, s.Err() != nil, "%v", s.Err())
			if tt.broken == 0 {
				assert.NoError(t, err)
				assert.EqualValues(t, len(tt.events), s.Stats().Events)
				assert.Equal(t, uint64(8), s.Lasts()[c])
			}
		})
	}
}

// However TCP cuts the stream, the frames are the same.
func TestSwarm_framesInPieces(t *testing.T) {
	long := string(Body(time.Now(), 70_000)) // a length of eight bytes
	var all []byte
	all = append(all, event(t, room, 1, string(Body(time.Now(), 10)))...)
	all = append(all, event(t, room, 2, long)...)
	all = append(all, frames.ControlPing()...)
	all = append(all, event(t, room, 3, "no time in it, \"body\":\"1")...)
	pong := make(chan []byte, 1)
	s, c := serve(t, func(conn net.Conn, in *bufio.Reader) {
		_, _ = in.Discard(len(`{"type":"subscribe","id":"s","room":"room","after":0}`) + 6)
		for i := range 600 { // the beginning byte by byte
			_, _ = conn.Write(all[i : i+1])
		}
		_, _ = conn.Write(all[600:])
		answer := make([]byte, 6) // an empty pong, masked
		_, _ = in.Read(answer)
		pong <- answer
		_, _ = in.ReadByte()
	})
	var none uint64
	require.NoError(t, c.Subscribe(room, &none))
	require.NoError(t, await(t, s, "all came", func(s *Stats) bool { return s.Events == 3 }))
	assert.EqualValues(t, 2, s.Stats().Deliveries)
	assert.EqualValues(t, 2, s.Stats().Delivery.TotalCount())
	assert.Equal(t, []byte{opPong, 0x80, 0, 0, 0, 0}, <-pong)
}

func TestSwarm_whatTheServerEndsOrRefusesIsNoted(t *testing.T) {
	tests := []struct {
		name string
		sent []byte
		want string
	}{
		{"a close frame", frames.Close(4008, "too slow"), "too slow"},
		{"an end", nil, "the server closed the connection"},
		{"an error", frames.Text(frames.Error{Code: "forbidden", Message: "no"}), "forbidden"},
		{"a reset", frames.Text(frames.Reset{Room: room}), "reset"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := serve(t, func(conn net.Conn, _ *bufio.Reader) { _, _ = conn.Write(tt.sent) })
			err := await(t, s, "never", func(*Stats) bool { return false })
			assert.ErrorContains(t, err, tt.want)
			s.Reset()
			assert.Error(t, s.Err(), "Reset forgets nothing that went wrong")
		})
	}
}

func TestSwarm_countsAcks(t *testing.T) {
	heard := make(chan frames.Frame, 2)
	s, c := serve(t, func(conn net.Conn, in *bufio.Reader) {
		for range 2 {
			header := make([]byte, 8)
			_, _ = in.Read(header)
			payload := make([]byte, int(header[2])<<8|int(header[3]))
			_, _ = in.Read(payload)
			id, f, err := frames.Decode(payload)
			if err != nil {
				return
			}
			heard <- f
			_, _ = conn.Write(frames.Text(frames.Ack{ID: id, Room: room, Seq: 1}))
		}
		_, _ = in.ReadByte()
	})
	again := 1
	s.OnAck(func(*Conn) []byte {
		if again--; again >= 0 {
			return Message(room, 128)
		}
		return nil
	})
	require.NoError(t, c.Send(room, 128))
	require.NoError(t, await(t, s, "both are acked", func(s *Stats) bool { return s.Acks == 2 }))
	assert.EqualValues(t, 2, s.Stats().Ack.TotalCount())
	for range 2 {
		f := (<-heard).(frames.Send)
		assert.Equal(t, room, f.Room)
		assert.Len(t, f.Body, 128)
	}
}

// Where the kernel gives no ring.
func TestSwarm_plain(t *testing.T) {
	before := newSockets
	defer func() { newSockets = before }()
	newSockets = func() sockets { return plain{} }
	t.Run("order", TestSwarm_checksTheOrder)
	t.Run("pieces", TestSwarm_framesInPieces)
	t.Run("ends", TestSwarm_whatTheServerEndsOrRefusesIsNoted)
	t.Run("acks", TestSwarm_countsAcks)
}

func TestDial_saysWhatTheServerAnswered(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- http.Serve(ln, http.NotFoundHandler()) }()
	defer func() { _ = ln.Close(); <-served }() //nolint:errcheck // http.ErrServerClosed, or not
	s, err := New(ln.Addr().(*net.TCPAddr).AddrPort())
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Dial(1, func(int) Login { return Login{Token: "token"} })
	assert.ErrorContains(t, err, "404 Not Found")
}

func TestPace(t *testing.T) {
	tests := []struct {
		name string
		rate float64
		took time.Duration // by one call
		want int
	}{
		{"all that are due", 10_000, 0, 1000},
		{"none", 0, 0, 0},
		{"no more than there is time for", 10_000, time.Millisecond, 99},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, err := Pace(t.Context(), tt.rate, 100*time.Millisecond, func(i int) error {
					time.Sleep(tt.took) // synctest: the call's own time
					return nil
				})
				require.NoError(t, err)
				assert.Equal(t, tt.want, n)
			})
		})
	}
}
