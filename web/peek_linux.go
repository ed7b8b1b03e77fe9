// On 386 the kernel has no system call of its own for it.
//go:build !386

package web

import (
	"syscall"
	"unsafe"
)

const canPeek = true

// peek reports whether there is something to read, be it the end or an error. The call is
// made directly since syscall.Recvfrom has an address of 112 bytes on its stack.
func peek(fd uintptr) bool {
	var b byte
	for {
		_, _, err := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}
