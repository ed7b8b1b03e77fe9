package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"confab/web/uring"
)

func testRing(t testing.TB) *uring.Ring {
	t.Helper()
	r, err := uring.New(outboxBatch)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Skip("this kernel has no io_uring for us:", err)
	}
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

// TestOutbox_keepsOrder is TestBacklog_keepsOrder with one.
func TestOutbox_keepsOrder(t *testing.T) {
	b, client := outboxed(t, testRing(t))
	keepsOrder(t, b, client)
}

// TestOutbox_leavesFramesAlone: the frames of a room are the same bytes for all of its
// members, and for those who come later.
func TestOutbox_leavesFramesAlone(t *testing.T) {
	ring := bytes.Repeat([]byte("shared "), 200)
	before, frames := bytes.Clone(ring), ring[:700]
	b, client := outboxed(t, testRing(t))
	var want int
	for i := range 2000 {
		require.NoError(t, b.events(frames))
		require.NoError(t, b.data([]byte("own")))
		want += len(frames) + len("own")
		if i%400 == 399 { // it has had to wait by now
			_, err := io.CopyN(io.Discard, client, int64(want))
			require.NoError(t, err)
			want = 0
		}
	}
	require.Equal(t, before, ring)
}

// TestOutbox_buffersAreOfOne: what waits for a slow reader is not in memory that others use.
func TestOutbox_buffersAreOfOne(t *testing.T) {
	slow, slowClient := outboxed(t, testRing(t))
	quick, quickClient := outboxed(t, testRing(t))
	mine, others := bytes.Repeat([]byte("m"), 3000), bytes.Repeat([]byte("o"), 3000)
	sent := 0
	for waits := false; !waits; {
		require.NoError(t, slow.data(mine))
		sent += len(mine)
		require.Eventually(t, func() bool {
			slow.mu.Lock()
			defer slow.mu.Unlock()
			waits = slow.draining
			return !slow.queued
		}, 10*time.Second, time.Microsecond)
	}
	for range 100 {
		require.NoError(t, quick.data(others))
		_, err := io.CopyN(io.Discard, quickClient, int64(len(others)))
		require.NoError(t, err)
	}
	got := make([]byte, sent)
	_, err := io.ReadFull(slowClient, got)
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte("m"), sent), got)
}

// TestOutbox_closedMeanwhile: what a connection was to be sent is not written to another
// one that got its number, and it ends.
func TestOutbox_closedMeanwhile(t *testing.T) {
	o := newOutbox(testRing(t)) // nobody runs it yet
	var backlogs []*backlog
	var clients []net.Conn
	for range 3 {
		b, client := connected(t)
		b.outboxes = outboxes{o}
		backlogs, clients = append(backlogs, b), append(clients, client)
		require.NoError(t, b.data([]byte("for me")))
	}
	number := func(c net.Conn) (n uintptr) {
		raw, err := c.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) { n = fd }))
		return n
	}
	closed := number(backlogs[1].conn)
	backlogs[1].conn.Close()
	var ends []net.Conn // of connections that came since
	for !slices.ContainsFunc(ends, func(c net.Conn) bool { return number(c) == closed }) {
		next, nextClient := connected(t)
		ends = append(ends, next.conn, nextClient)
	}
	require.True(t, o.gather())
	o.write()
	backlogs[1].wait()
	require.ErrorIs(t, backlogs[1].data([]byte("more")), errClosed)
	for _, i := range []int{0, 2} {
		got := make([]byte, 100)
		n, err := clients[i].Read(got)
		require.NoError(t, err)
		require.Equal(t, "for me", string(got[:n]))
	}
	for _, c := range ends {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err := c.Read(make([]byte, 100))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
}

// TestOutbox_sendsPieces: what comes before and behind a page goes with it, and not from memory
// that others have by then.
func TestOutbox_sendsPieces(t *testing.T) {
	b, client := connected(t)
	o := newOutbox(testRing(t)) // nobody runs it yet
	b.outboxes = outboxes{o}
	page := bytes.Repeat([]byte("page "), 400)
	require.NoError(t, b.data([]byte("subscribed ")))
	require.NoError(t, b.events(page))
	b.cork()
	require.NoError(t, b.data([]byte("held")))
	held := *b.held
	require.NoError(t, b.uncork())
	require.Same(t, &page[0], &b.waiting[1][0])
	copy(held, "gone")
	require.True(t, o.gather())
	o.write()
	require.False(t, b.queued, "all was sent")
	got := make([]byte, 2*len(page))
	n, err := client.Read(got)
	require.NoError(t, err)
	require.Equal(t, "subscribed "+string(page)+"held", string(got[:n]))
}

// TestOutboxes_add: a few are written to by one outbox, many by all.
func TestOutboxes_add(t *testing.T) {
	boxes := outboxes{newOutbox(testRing(t)), newOutbox(testRing(t)), newOutbox(testRing(t))}
	lens := func() (n [3]int) {
		for i, o := range boxes {
			n[i] = len(o.added)
		}
		return n
	}
	const few = outboxBatch / 2
	for range few {
		boxes.add(new(backlog))
	}
	require.Equal(t, [3]int{few, 0, 0}, lens())
	for range few + 1 {
		boxes.add(new(backlog))
	}
	require.Equal(t, [3]int{few, few, 1}, lens())
	for range 3*10 + few - 1 {
		boxes.add(new(backlog))
	}
	require.Equal(t, [3]int{few + 10, few + 10, few + 10}, lens())
	<-boxes[1].added
	boxes.add(new(backlog))
	require.Equal(t, [3]int{few + 10, few + 10, few + 10}, lens())
}

// outboxed returns a backlog that an outbox writes for.
func outboxed(t *testing.T, r *uring.Ring) (*backlog, net.Conn) {
	b, client := connected(t)
	o := newOutbox(r)
	b.outboxes = outboxes{o}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for o.gather() { // as run does, but the ring is the test's
			o.write()
		}
	}()
	t.Cleanup(func() {
		b.finish(nil)
		b.conn.Close()
		b.wait()
		close(o.added)
		<-done
	})
	return b, client
}
