//go:build unix && (!linux || race)

package web

import "syscall"

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
