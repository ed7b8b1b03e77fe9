//go:build !unix

package web

import "syscall"

// writeNow writes nothing where writes cannot be kept from blocking: everything goes
// through the backlog.
func writeNow(uintptr, []byte) (int, error) { return 0, nil }

// readNow is for connections that can be parked, of which there are none here.
func readNow(uintptr, []byte) (int, error) { return 0, syscall.EAGAIN }
