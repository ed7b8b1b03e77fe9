package web_test

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/web"
)

func deferring(t *testing.T, within time.Duration) (l net.Listener, dial func() net.Conn) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l = web.DeferAccept(inner, within)
	t.Cleanup(func() { l.Close() })
	return l, func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
}

func TestDeferAccept_acceptsWhoSpeaks(t *testing.T) {
	l, dial := deferring(t, time.Minute)
	before := runtime.NumGoroutine()
	for range 50 {
		dial()
	}
	speaks := dial()
	_, err := speaks.Write([]byte("hello"))
	require.NoError(t, err)
	c, err := l.Accept()
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, speaks.LocalAddr().String(), c.RemoteAddr().String())
	heard := make([]byte, 5)
	_, err = io.ReadFull(c, heard)
	require.NoError(t, err)
	require.Equal(t, "hello", string(heard), "nothing of it was taken")
	require.Less(t, runtime.NumGoroutine(), before+25, "the silent ones have no goroutine")
}

func TestDeferAccept_closesWhoIsSilent(t *testing.T) {
	_, dial := deferring(t, 50*time.Millisecond)
	c := dial()
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestDeferAccept_closeEndsAll(t *testing.T) {
	l, dial := deferring(t, time.Minute)
	silent, speaks := dial(), dial()
	_, err := speaks.Write([]byte("hello"))
	require.NoError(t, err)
	c, err := l.Accept() // so both have been taken from the kernel
	require.NoError(t, err)
	defer c.Close()
	accepting := make(chan error, 1)
	go func() { _, err := l.Accept(); accepting <- err }()
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-accepting, net.ErrClosed)
	_, err = silent.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, l.Close(), "again")
}

// What the kernel says when it cannot accept is for the server to hear, which waits a
// little and goes on.
func TestDeferAccept_tellsErrors(t *testing.T) {
	inner := &failingListener{failures: 2}
	var err error
	inner.Listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := web.DeferAccept(inner, time.Minute)
	defer l.Close()
	for range 2 {
		_, err := l.Accept()
		require.ErrorIs(t, err, io.ErrNoProgress)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Write([]byte("hello"))
	require.NoError(t, err)
	c, err := l.Accept()
	require.NoError(t, err)
	c.Close()
}

type failingListener struct {
	net.Listener
	failures int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, io.ErrNoProgress
	}
	return l.Listener.Accept()
}
