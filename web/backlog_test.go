package web

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"confab/domain"
)

// connected returns a backlog on a TCP socket whose buffer is small.
func connected(t testing.TB) (*backlog, net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	server, err := ln.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	require.NoError(t, server.(*net.TCPConn).SetWriteBuffer(4096)) // so that writes are short
	return newBacklog(server), client
}

// TestBacklog_keepsOrder: however much the socket takes at a time, bytes come whole
// and each sender's in order.
func TestBacklog_keepsOrder(t *testing.T) {
	b, client := connected(t)
	require.NotNil(t, b.now.raw, "a TCP socket is written directly")
	keepsOrder(t, b, client)
}

func keepsOrder(t *testing.T, b *backlog, client net.Conn) {
	const senders, each, size = 4, 2000, 100
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			frame := bytes.Repeat([]byte{byte(s)}, size)
			for i := range each {
				binary.BigEndian.PutUint32(frame, uint32(i))
				for b.data(frame) != nil {
					t.Error("the backlog is full")
					return
				}
				if i%500 == 0 {
					_ = b.flushed(t.Context())
				}
			}
		})
	}
	corking := make(chan struct{})
	go func() {
		defer close(corking)
		for range 1000 {
			b.cork()
			_ = b.data(nil)
			_ = b.uncork()
		}
	}()
	defer func() { <-corking }()
	next := make([]uint32, senders)
	frame := make([]byte, size)
	for range senders * each {
		_, err := io.ReadFull(client, frame)
		require.NoError(t, err)
		s := frame[size-1]
		require.Equal(t, bytes.Repeat([]byte{s}, size-4), frame[4:], "a frame is whole")
		require.Equal(t, next[s], binary.BigEndian.Uint32(frame))
		next[s]++
	}
	sending.Wait()
	b.finish([]byte("end"))
	b.wait()
	b.conn.Close()
	rest, err := io.ReadAll(client)
	require.NoError(t, err)
	require.Equal(t, "end", string(rest))
}

// Many rooms of a connection catch up, and all are let go at once: that is no slow reader.
func TestBacklog_manyCatchUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms = 100
		b, client := piped()
		chunk := bytes.Repeat([]byte("x"), 64<<10)
		require.NoError(t, b.events(make([]byte, backlogSmall+1)))
		var letGo, sending sync.WaitGroup
		letGo.Add(rooms)
		for range rooms {
			sending.Go(func() {
				err := b.flushed(t.Context())
				letGo.Done()
				letGo.Wait()
				for {
					require.NoError(t, err)
					if err = b.replay(chunk); err == nil {
						return
					}
					require.ErrorIs(t, err, domain.ErrNotFlushed)
					err = b.flushed(t.Context())
				}
			})
		}
		_, err := io.CopyN(io.Discard, client, backlogSmall+1+rooms*int64(len(chunk)))
		require.NoError(t, err)
		sending.Wait()
		b.finish(nil)
		b.wait()
		require.ErrorIs(t, b.replay(chunk), errClosed)
	})
}

func TestBacklog_cork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, client := piped()
		defer client.Close()
		read := func() string { // what comes with one write
			t.Helper()
			in := make([]byte, 2*corkBytes)
			n, err := client.Read(in)
			require.NoError(t, err)
			synctest.Wait() // until the drainer has ended
			return string(in[:n])
		}
		nothing := func() {
			t.Helper()
			synctest.Wait()
			require.NoError(t, client.SetReadDeadline(time.Now()))
			_, err := client.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.NoError(t, client.SetReadDeadline(time.Time{}))
		}

		b.cork()
		require.NoError(t, b.data([]byte("event ")))
		require.NoError(t, b.data([]byte("ack")))
		nothing()
		idle, _ := b.idle()
		require.False(t, idle)
		require.NoError(t, b.uncork())
		require.Equal(t, "event ack", read())

		b.cork()
		require.NoError(t, b.data([]byte("held ")))
		time.Sleep(2 * corkTime) // synctest: the answer takes long
		require.NoError(t, b.data([]byte("written")))
		require.Equal(t, "held written", read(), "nothing is held for long")

		require.NoError(t, b.uncork())
		b.cork()
		require.NoError(t, b.data([]byte("held ")))
		require.NoError(t, b.data(bytes.Repeat([]byte("x"), corkBytes)))
		require.Len(t, read(), len("held ")+corkBytes, "much is written at once")

		require.NoError(t, b.data([]byte("held ")))
		b.finish([]byte("end"))
		require.Equal(t, "held end", read())
		require.NoError(t, b.uncork(), "there is nothing left")
		b.wait()
	})
}

// piped returns a backlog on a pipe, which takes nothing until it is read.
func piped() (*backlog, net.Conn) {
	server, client := net.Pipe()
	return newBacklog(server), client
}

func TestBacklog_limit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, client := piped()
		defer client.Close()
		require.NoError(t, b.data(make([]byte, 2*backlogLimit)), "what comes while nothing waits is accepted")
		require.ErrorIs(t, b.data([]byte{1}), errSlow)
		require.ErrorIs(t, b.control([]byte{1}), errSlow)
		b.finish([]byte("last"))
		all := make(chan []byte)
		go func() {
			got, _ := io.ReadAll(client)
			all <- got
		}()
		b.wait()
		b.conn.Close()
		got := <-all
		require.Len(t, got, 2*backlogLimit+len("last"))
		require.True(t, bytes.HasSuffix(got, []byte("last")), "what waits comes before the end")
	})
}

func TestBacklog_smallPiecesAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, client := piped()
		defer client.Close()
		n := 0
		for b.data(make([]byte, 1000)) == nil {
			n++
		}
		require.Equal(t, backlogLimit/1000, n)
		b.conn.Close()
		b.wait()
	})
}

// noted notes the write deadline in force.
type noted struct {
	net.Conn
	deadline time.Time
}

func (n *noted) SetWriteDeadline(t time.Time) error {
	n.deadline = t
	return n.Conn.SetWriteDeadline(t)
}

// TestPieces: nothing is lost or changed, and a page of history is not copied for what comes
// before and after it.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pieces
		var all []byte
		for i := range byte(rapid.IntRange(1, 8).Draw(t, "adds")) {
			frames := bytes.Repeat([]byte{i + 1}, rapid.SampledFrom([]int{1, 100, longPiece - 1, longPiece, 3 * longPiece}).Draw(t, "size"))
			all = append(all, frames...)
			spare := append(frames, "spare"...)
			constant := rapid.Bool().Draw(t, "constant")
			p.add(spare[:len(frames)], constant)
			if !constant {
				clear(spare[:len(frames)])
			}
			defer func() { require.Equal(t, "spare", string(spare[len(frames):])) }()
		}
		require.Equal(t, all, slices.Concat(p[:]...))
	})

	var p pieces
	page := make([]byte, 30<<10)
	p.add([]byte("subscribed"), false)
	p.add(page, true)
	p.add([]byte("caught_up"), false)
	require.Same(t, &page[0], &p[1][0])
	require.Equal(t, []string{"subscribed", "caught_up"}, []string{string(p[0]), string(p[2])})
}

// TestBacklog_leavesNoDeadline: it would fail whoever writes after it.
func TestBacklog_leavesNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer client.Close()
		conn := &noted{Conn: server}
		b := newBacklog(conn)
		require.NoError(t, b.data([]byte("hello")))
		synctest.Wait()
		require.Equal(t, time.Now().Add(writeTime), conn.deadline)
		_, err := io.ReadFull(client, make([]byte, 5))
		require.NoError(t, err)
		b.wait()
		require.Zero(t, conn.deadline)
	})
}

func TestBacklog_stuckReaderIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, client := piped()
		defer client.Close()
		require.NoError(t, b.data([]byte("hello")))
		start := time.Now()
		require.ErrorIs(t, b.flushed(t.Context()), nil, "five bytes are little")
		b.wait()
		require.Equal(t, writeTime, time.Since(start))
		require.ErrorIs(t, b.data([]byte("more")), errClosed)
	})
}

func TestBacklog_flushedWaitsForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, client := piped()
		defer client.Close()
		require.NoError(t, b.data(make([]byte, backlogLimit)))
		flushed := make(chan error, 1)
		go func() { flushed <- b.flushed(t.Context()) }()
		_, err := io.CopyN(io.Discard, client, backlogLimit-backlogSmall-1)
		require.NoError(t, err)
		synctest.Wait()
		require.Empty(t, flushed)
		_, err = io.CopyN(io.Discard, client, backlogSmall+1)
		require.NoError(t, err)
		require.NoError(t, <-flushed)
		synctest.Wait() // the last chunk is read, and is now counted as written, too

		require.NoError(t, b.data(make([]byte, backlogLimit)))
		go func() { flushed <- b.flushed(t.Context()) }()
		synctest.Wait()
		b.conn.Close()
		require.ErrorIs(t, <-flushed, errClosed)
		b.wait()
	})
}

func TestBacklog_endIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, client := piped()
		defer client.Close()
		require.NoError(t, b.data(make([]byte, backlogLimit)))
		b.finish([]byte("last"))
		start := time.Now()
		reading := make(chan struct{})
		go func() { // one byte a second: progress, but not enough
			defer close(reading)
			for {
				if _, err := client.Read(make([]byte, 1)); err != nil {
					return
				}
				time.Sleep(time.Second) // synctest: the bubble's clock
			}
		}()
		b.wait()
		require.LessOrEqual(t, time.Since(start), lingerTime)
		<-reading
	})
}
