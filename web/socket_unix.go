//go:build unix

package web

import (
	"io"
	"syscall"
)

// writeNow writes what the socket takes at once, possibly nothing. Go's sockets are
// in non-blocking mode already.
func writeNow(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}

const canReadNow = true

// readNow reads what has come, possibly nothing: then it returns 0 and no error.
func readNow(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case err == nil && n == 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}
