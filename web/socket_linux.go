//go:build !race

package web

import (
	"io"
	"syscall"
	"unsafe"
)

// writeNow writes what the socket takes at once, possibly nothing. Go's sockets are in
// non-blocking mode already, so the scheduler need not be told of the call, to run others
// meanwhile: that costs, and a room of 1,000 is as many calls.
func writeNow(fd uintptr, p []byte) (int, error) {
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch err {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}

// readNow reads what the socket has at once; EAGAIN if it has nothing, io.EOF at the end.
func readNow(fd uintptr, p []byte) (int, error) {
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch {
		case err == syscall.EINTR:
		case err != 0:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}
