package uring

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const batch = 8

func testRing(t *testing.T) *Ring {
	t.Helper()
	r, err := New(batch)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Skip("this kernel has no io_uring for us:", err)
	}
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

// socketPair returns the two ends of a connection.
func socketPair(t *testing.T) (a, b int) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// TestRing_send: each send of a batch has an outcome of its own, that of send(2).
func TestRing_send(t *testing.T) {
	r := testRing(t)
	good, reader := socketPair(t)
	full, slow := socketPair(t)
	written := 0
	for {
		n, err := unix.Write(full, make([]byte, 1000))
		if err == unix.EAGAIN {
			break
		}
		require.NoError(t, err)
		written += n
	}
	gone, other := socketPair(t)
	require.NoError(t, unix.Close(other))

	for range 3 * batch { // the queues come round
		sends := []Transfer{
			{FD: uintptr(full), P: []byte("waits")},
			{FD: uintptr(gone), P: []byte("nobody")},
			{FD: ^uintptr(0), P: []byte("nowhere")},
			{FD: uintptr(good), P: []byte("hello")},
			{FD: uintptr(good), P: []byte(", "), More: [2][]byte{[]byte("wor")}},
			{FD: uintptr(good), P: []byte("l"), More: [2][]byte{[]byte("d"), []byte("!")}},
		}
		r.Send(sends)
		require.NoError(t, sends[0].Err, "a full socket is no error")
		require.Zero(t, sends[0].N)
		require.ErrorIs(t, sends[1].Err, unix.EPIPE)
		require.ErrorIs(t, sends[2].Err, unix.EBADF)
		require.NoError(t, sends[3].Err)
		require.Equal(t, len("hello"), sends[3].N)
		got := make([]byte, 100)
		n, err := unix.Read(reader, got)
		require.NoError(t, err)
		require.Equal(t, "hello, world!", string(got[:n]))
		for i, unsent := range []string{"waits", "nobody", "nowhere", "", "", ""} {
			require.Equal(t, unsent, string(sends[i].Unsent()))
		}
	}

	_, err := unix.Read(slow, make([]byte, written/2))
	require.NoError(t, err)
	sends := []Transfer{{FD: uintptr(full), P: []byte("be"), More: [2][]byte{make([]byte, 2*written), []byte("end")}}}
	r.Send(sends)
	require.NoError(t, sends[0].Err)
	require.Greater(t, sends[0].N, 2)
	require.Less(t, sends[0].N, 2*written, "it sends what fits")
	unsent := sends[0].Unsent()
	require.Equal(t, "end", string(unsent[2+2*written-sends[0].N:]))
}

// TestRing_refused: a seccomp profile may allow the one system call and not the other.
func TestRing_refused(t *testing.T) {
	r := testRing(t)
	require.NoError(t, r.try())
	ring := r.fd
	none, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	r.fd = none
	require.Error(t, r.try(), "a ring that does nothing is not a full socket")
	r.fd = ring
	require.NoError(t, unix.Close(none))
}

// TestRing_receive: each receipt of a batch has an outcome of its own, that of recv(2).
func TestRing_receive(t *testing.T) {
	r := testRing(t)
	good, writer := socketPair(t)
	quiet, _ := socketPair(t)
	ended, other := socketPair(t)
	_, err := unix.Write(other, []byte("last words"))
	require.NoError(t, err)
	require.NoError(t, unix.Shutdown(other, unix.SHUT_WR))

	for i := range 3 * batch { // the queues come round
		_, err := unix.Write(writer, []byte("hello"))
		require.NoError(t, err)
		receipts := []Transfer{
			{FD: uintptr(quiet), P: make([]byte, 10)},
			{FD: uintptr(ended), P: make([]byte, 100)},
			{FD: ^uintptr(0), P: make([]byte, 10)},
			{FD: uintptr(good), P: make([]byte, 3)},
		}
		r.Receive(receipts)
		require.NoError(t, receipts[0].Err, "that nothing has come is no error")
		require.Zero(t, receipts[0].N)
		if i == 0 {
			require.NoError(t, receipts[1].Err)
			require.Equal(t, "last words", string(receipts[1].P[:receipts[1].N]))
		} else {
			require.ErrorIs(t, receipts[1].Err, io.EOF)
		}
		require.ErrorIs(t, receipts[2].Err, unix.EBADF)
		require.NoError(t, receipts[3].Err)
		require.Equal(t, "hel", string(receipts[3].P[:receipts[3].N]))
		rest := []Transfer{{FD: uintptr(good), P: make([]byte, 3)}}
		r.Receive(rest)
		require.Equal(t, "lo", string(rest[0].P[:rest[0].N]))
	}
}
