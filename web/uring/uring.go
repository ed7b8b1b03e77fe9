// Package uring sends and receives on many sockets with one system call, by io_uring(7). What
// a transfer costs within the kernel stays, but the way into it and back, which is most of
// what a short one costs in a virtual machine, is paid once for all. Nothing waits: whoever
// calls knows by other means which sockets are ready.
package uring

// Transfer is what is sent or received on one socket, and what became of it.
type Transfer struct {
	FD   uintptr
	P    []byte
	More [2][]byte // sent behind P; nothing is received into it
	N    int       // bytes that were sent or received; 0 with a nil Err: the socket is not ready
	Err  error     // as of send(2) and recv(2)
}

func (t *Transfer) pieces() [3][]byte { return [...][]byte{t.P, t.More[0], t.More[1]} }

// Unsent returns a copy of what was not sent; nil if everything was.
func (t *Transfer) Unsent() (rest []byte) {
	sent := t.N
	for _, p := range t.pieces() {
		n := min(sent, len(p))
		rest = append(rest, p[n:]...)
		sent -= n
	}
	return rest
}
