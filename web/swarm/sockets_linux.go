package swarm

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"confab/web/uring"
)

// sockets sends and receives on many sockets without waiting, as uring.Ring does.
type sockets interface {
	Send([]uring.Transfer)
	Receive([]uring.Transfer)
	Close()
}

// newSockets is replaced by tests.
var newSockets = func() sockets {
	ring, err := uring.New(atOnce)
	if err != nil {
		return plain{}
	}
	return ring
}

// plain needs a system call for each.
type plain struct{}

func (plain) Send(sends []uring.Transfer) { each(sends, unix.Write) }

func (plain) Receive(receipts []uring.Transfer) {
	each(receipts, func(fd int, p []byte) (n int, err error) {
		if n, err = unix.Read(fd, p); n == 0 && err == nil {
			err = io.EOF
		}
		return n, err
	})
}

func (plain) Close() {}

func each(all []uring.Transfer, do func(fd int, p []byte) (int, error)) {
	for i := range all {
		t := &all[i]
		t.N, t.Err = do(int(t.FD), t.P)
		t.N = max(t.N, 0)
		if errors.Is(t.Err, unix.EAGAIN) || errors.Is(t.Err, unix.EINTR) {
			t.Err = nil
		}
	}
}
