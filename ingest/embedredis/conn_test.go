package embedredis

import (
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func TestConn_writesDoNotBlock(t *testing.T) {
	a, b := connPair()
	const n = 1000
	for range n {
		_, err := a.Write([]byte("0123456789"))
		require.NoError(t, err)
	}
	require.NoError(t, a.Close())
	got, err := io.ReadAll(b) // what was written before the end is read before the end
	require.NoError(t, err)
	require.Len(t, got, 10*n)
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestConn_readerIsWoken(t *testing.T) {
	a, b := connPair()
	var g errgroup.Group
	g.Go(func() error {
		_, err := a.Write([]byte("x"))
		return err
	})
	buf := make([]byte, 8)
	n, err := b.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "x", string(buf[:n]))
	require.NoError(t, g.Wait())
}

func TestConn_readDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := connPair()
		buf := make([]byte, 8)
		for range 2 { // a deadline can be set again
			start := time.Now()
			require.NoError(t, b.SetDeadline(start.Add(time.Second)))
			_, err := b.Read(buf)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.Equal(t, time.Second, time.Since(start))
		}
		require.NoError(t, b.Close())
	})
}

func TestConn_readerWhoStallsIsCutOff(t *testing.T) {
	a, b := connPair()
	chunk := make([]byte, 1<<20)
	var err error
	for range maxUnread/len(chunk) + 1 {
		_, err = a.Write(chunk)
	}
	require.ErrorIs(t, err, errUnread)
	got, err := io.Copy(io.Discard, b)
	require.NoError(t, err)
	require.EqualValues(t, maxUnread, got)
}
