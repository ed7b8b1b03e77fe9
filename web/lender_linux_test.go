package web_test

import (
	"bufio"
	"bytes"
	"io"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/web/frames"
)

// The poller tells once of what has come together: more than one read takes, or what a read
// stops short of.
func TestConn_readsToTheEnd(t *testing.T) {
	const clients = 50
	ping := clientFrame(string(frames.Marshal(frames.Ping{ID: strings.Repeat("x", 35)})))
	require.Len(t, ping, 64, "so that a read can end with a frame")
	joined := func(t *testing.T) (fds []descriptor) {
		addr, tokens, subscribe, hub := idleServer(t, clients)
		for _, token := range tokens {
			fd := join(t, addr, token, subscribe)
			t.Cleanup(func() { syscall.Close(fd) })
			require.NoError(t, syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 10}))
			fds = append(fds, descriptor(fd))
		}
		hub.waitFor(clients)
		return fds
	}
	t.Run("more than one read takes", func(t *testing.T) {
		const pings = 3 * 4096 / 64
		before := runtime.NumGoroutine()
		fds := joined(t)
		for _, fd := range fds {
			_, err := syscall.Write(int(fd), bytes.Repeat(ping, pings))
			require.NoError(t, err)
		}
		answered(t, fds, pings)
		require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+clients/2 }, 10*time.Second, 10*time.Millisecond,
			"they are not parked again")
	})
	t.Run("a long frame, and others behind it", func(t *testing.T) {
		const pings = 20
		long := clientFrame(strings.Repeat("x", 10_000))
		before := runtime.NumGoroutine()
		fds := joined(t)
		for i, fd := range fds {
			sent := append(slices.Clone(long), bytes.Repeat(ping, pings)...)
			size := len(sent)
			if i%5 != 0 {
				size = 50 // some come while it is served
			}
			for piece := range slices.Chunk(sent, size) {
				_, err := syscall.Write(int(fd), piece)
				require.NoError(t, err)
			}
		}
		answered(t, fds, 1+pings)
		require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+8 }, 10*time.Second, 10*time.Millisecond,
			"they are not parked again")
	})
	t.Run("a control frame", func(t *testing.T) {
		before := runtime.NumGoroutine()
		fds := joined(t)
		answered(t, fds, 0)
		for _, fd := range fds {
			_, err := syscall.Write(int(fd), []byte{0x89, 0x80, 0, 0, 0, 0}) // ping
			require.NoError(t, err)
		}
		for _, fd := range fds {
			pong := make([]byte, 2)
			_, err := io.ReadFull(fd, pong)
			require.NoError(t, err)
			require.Equal(t, []byte{0x8A, 0}, pong)
		}
		require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+8 }, 10*time.Second, 10*time.Millisecond,
			"they are not parked again")
	})
	t.Run("urgent data", func(t *testing.T) {
		fds := joined(t)
		for _, fd := range fds {
			cork := func(on int) {
				require.NoError(t, syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CORK, on))
			}
			cork(1) // so that all come at once
			_, err := syscall.Write(int(fd), ping)
			require.NoError(t, err)
			require.NoError(t, syscall.Sendto(int(fd), []byte("!"), syscall.MSG_OOB, nil))
			_, err = syscall.Write(int(fd), ping)
			require.NoError(t, err)
			cork(0)
		}
		answered(t, fds, 2)
	})
	t.Run("the end", func(t *testing.T) {
		fds := joined(t)
		for _, fd := range fds {
			_, err := syscall.Write(int(fd), ping)
			require.NoError(t, err)
			require.NoError(t, syscall.Shutdown(int(fd), syscall.SHUT_WR))
		}
		for _, fd := range fds {
			got, err := io.ReadAll(fd)
			require.NoError(t, err, "the server does not end the connection")
			require.Contains(t, string(got), `"pong"`)
		}
	})
}

// answered reads the answers to n frames of each, and before them that to subscribe.
func answered(t *testing.T, fds []descriptor, n int) {
	t.Helper()
	for _, fd := range fds {
		answers := bufio.NewReader(fd)
		for range 1 + n {
			_, err := answers.ReadString('}') // none has more than one
			require.NoError(t, err, "not all were answered")
		}
	}
}

// descriptor reads from a socket.
type descriptor int

func (d descriptor) Read(p []byte) (int, error) {
	n, err := syscall.Read(int(d), p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return max(n, 0), err
}

// BenchmarkConn_ping is what it costs to be asked and to answer, for 500 connections in
// turn: processor time of the server, and of its clients, who make one system call for each.
func BenchmarkConn_ping(b *testing.B) {
	const clients = 500
	addr, tokens, subscribe, hub := idleServer(b, clients)
	var fds []int
	for _, token := range tokens {
		fd := join(b, addr, token, subscribe)
		defer syscall.Close(fd)
		fds = append(fds, fd)
	}
	hub.waitFor(clients)
	ping := clientFrame(string(frames.Marshal(frames.Ping{ID: "1"})))
	reply := make([]byte, 4096)
	began := processTime()
	b.ResetTimer()
	for range b.N {
		for _, fd := range fds {
			if _, err := syscall.Write(fd, ping); err != nil {
				b.Fatal(err)
			}
		}
		for _, fd := range fds {
			if _, err := syscall.Read(fd, reply); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(processTime()-began)/float64(b.N*clients), "cpu-ns/ping")
}

func processTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
