package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"confab/domain"
)

// BenchmarkPass is what a pass of the hub costs here: one call of Events for each of
// 1,000 members, down to the socket, as CPU of the writing thread per delivery; with a ring,
// and as where there is none. The floor in the same run is one plain write(2) of the same
// bytes for each and nothing else, so the ratio is what all of ours adds.
func BenchmarkPass(b *testing.B) {
	for _, size := range []int{150, 400, 6000, 64 << 10} {
		b.Run(fmt.Sprintf("bytes=%d/ring", size), func(b *testing.B) { benchPass(b, size, newOutbox(testRing(b))) })
		b.Run(fmt.Sprintf("bytes=%d/none", size), func(b *testing.B) { benchPass(b, size, nil) })
	}
}

func benchPass(b *testing.B, size int, o *outbox) {
	const members = 1000
	sinks, fds := tcpSinks(b, members, o)
	data := make([]byte, size)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ours, floor time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		start := threadTime()
		for _, fd := range fds {
			if n, err := syscall.Write(fd, data); n != size {
				b.Fatal(n, err)
			}
		}
		turn := threadTime()
		deliver(b, sinks, data, o)
		floor, ours = floor+turn-start, ours+threadTime()-turn
		for i, s := range sinks { // whoever is behind is let come up
			_ = s.Flushed(context.Background())
			for out := 1; out > 0; {
				out, _ = unix.IoctlGetInt(fds[i], unix.SIOCOUTQ)
			}
		}
	}
	deliveries := float64(b.N * members)
	b.ReportMetric(float64(floor)/deliveries, "floor-cpu-ns")
	b.ReportMetric(float64(ours)/deliveries, "cpu-ns")
	b.ReportMetric(float64(ours)/float64(floor), "ratio")
}

// deliver hands the sinks an event, and does the outbox's work on this thread.
func deliver(tb testing.TB, sinks []domain.Sink, data []byte, o *outbox) {
	for i, s := range sinks {
		if err := s.Events(data, 1, 1); err != nil {
			tb.Error(err)
		}
		if o != nil && ((i+1)%outboxBatch == 0 || i+1 == len(sinks)) {
			o.gather()
			o.write()
		}
	}
}

// Handing an event over to a connection, down to the socket, allocates nothing.
func TestSubscription_eventsAllocateNothing(t *testing.T) {
	data := make([]byte, 400)
	none := func(t *testing.T, o *outbox) {
		sinks, _ := tcpSinks(t, 10, o)
		require.Zero(t, testing.AllocsPerRun(200, func() { deliver(t, sinks, data, o) }))
	}
	t.Run("ring", func(t *testing.T) { none(t, newOutbox(testRing(t))) })
	t.Run("no ring", func(t *testing.T) { none(t, nil) })
}

// A reader that reads nothing costs the kernel no more than it was told to hold.
func TestConn_kernelHoldsLittle(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.(*net.TCPConn).SetReadBuffer(4096))
	server, err := ln.Accept()
	require.NoError(t, err)
	defer server.Close()
	c := newConn(&Server{}, server, domain.Session{}, "")
	taken := 0
	for nothingWaits := true; nothingWaits; nothingWaits, _ = c.out.idle() {
		require.NoError(t, c.out.data(make([]byte, 4096)))
		taken += 4096
	}
	require.Less(t, taken, 512<<10)
	c.cut()
	c.out.wait()
}

// tcpSinks returns subscriptions of as many connections, which are read at once, and
// their descriptors.
func tcpSinks(tb testing.TB, n int, o *outbox) (sinks []domain.Sink, fds []int) {
	s := &Server{metrics: newMetrics(nil)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	var reading sync.WaitGroup
	tb.Cleanup(func() { ln.Close(); reading.Wait() })
	for range n {
		client, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(tb, err)
		server, err := ln.Accept()
		require.NoError(tb, err)
		tb.Cleanup(func() { server.Close(); client.Close() })
		reading.Go(func() {
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{client}, make([]byte, 64<<10))
		})
		c := newConn(s, server, domain.Session{}, "")
		if o != nil {
			c.out.outboxes = outboxes{o}
		}
		sinks = append(sinks, &subscription{c: c, room: "room"})
		raw, err := server.(*net.TCPConn).SyscallConn()
		require.NoError(tb, err)
		require.NoError(tb, raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }))
	}
	return sinks, fds
}

func threadTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(1 /* RUSAGE_THREAD */, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
