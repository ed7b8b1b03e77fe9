package uring

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is an io_uring(7) instance. It is of one goroutine at a time.
type Ring struct {
	fd       int
	queues   []byte // the kernel's memory, as are:
	requests []byte

	submitHead, submitTail     *uint32
	submissions                []submission
	completeHead, completeTail *uint32
	completions                []completion

	messages []message  // of the transfers that have more than one piece
	work     []Transfer // in hand: the kernel has bare addresses of its memory
}

// message is what sendmsg(2) takes.
type message struct {
	header unix.Msghdr
	pieces [3]unix.Iovec
}

// submission is struct io_uring_sqe, as IORING_OP_SEND, _SENDMSG and _RECV read it.
type submission struct {
	opcode, _     uint8
	_             uint16
	fd            int32
	_             uint64
	addr          uint64
	len, msgFlags uint32
	userData      uint64
	_             [3]uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	userData uint64
	res      int32
	_        uint32
}

// ringParams is struct io_uring_params.
type ringParams struct {
	submissions, completions, flags, _, _, features, _ uint32
	_                                                  [3]uint32
	submit                                             struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	complete struct {
		head, tail, mask, entries, overflow, entry, flags, _ uint32
		_                                                    uint64
	}
}

// From linux/io_uring.h.
const (
	opSendMessage   = 9       // IORING_OP_SENDMSG
	opSend          = 26      // IORING_OP_SEND
	opReceive       = 27      // IORING_OP_RECV
	enterGetEvents  = 1       // IORING_ENTER_GETEVENTS
	singleMap       = 1       // IORING_FEAT_SINGLE_MMAP, since Linux 5.4
	offsetOfQueues  = 0       // IORING_OFF_SQ_RING
	offsetOfEntries = 1 << 28 // IORING_OFF_SQES
)

// New makes a ring for n transfers at a time, a power of two. Close it. It fails where the
// kernel has none (before Linux 5.6) or refuses it, as in a container with Docker's seccomp
// profile.
func New(n int) (*Ring, error) {
	var p ringParams
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, uintptr(n), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("make a ring: %w", errno)
	}
	r := &Ring{fd: int(fd), messages: make([]message, n)}
	err := r.share(&p)
	if err == nil {
		err = r.try()
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("make a ring: %w", err)
	}
	return r, nil
}

// share maps the kernel's queues.
func (r *Ring) share(p *ringParams) (err error) {
	if p.features&singleMap == 0 {
		return errors.ErrUnsupported
	}
	const entry = unsafe.Sizeof(completion{})
	size := max(uintptr(p.submit.array+4*p.submissions), uintptr(p.complete.entry)+uintptr(p.completions)*entry)
	if r.queues, err = r.mmap(offsetOfQueues, size); err != nil {
		return err
	}
	if r.requests, err = r.mmap(offsetOfEntries, uintptr(p.submissions)*unsafe.Sizeof(submission{})); err != nil {
		return err
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.queues[offset])) }
	r.submitHead, r.submitTail = at(p.submit.head), at(p.submit.tail)
	r.submissions = unsafe.Slice((*submission)(unsafe.Pointer(&r.requests[0])), p.submissions)
	r.completeHead, r.completeTail = at(p.complete.head), at(p.complete.tail)
	r.completions = unsafe.Slice((*completion)(unsafe.Pointer(at(p.complete.entry))), p.completions)
	for i, array := 0, unsafe.Slice(at(p.submit.array), p.submissions); i < len(array); i++ {
		array[i] = uint32(i) // submissions are made in their order
	}
	return nil
}

func (r *Ring) mmap(offset int64, size uintptr) ([]byte, error) {
	return unix.Mmap(r.fd, offset, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
}

// try tells whether the ring does what is asked of it: an old kernel may not know the
// operation, or wait where it should not.
func (r *Ring) try() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _, _ = unix.Close(pair[0]), unix.Close(pair[1]) }()
	some := make([]byte, 64<<10)
	for i := range 1 << 10 { // until the socket is full
		sends := []Transfer{{FD: uintptr(pair[0]), P: some}}
		if r.Send(sends); sends[0].Err != nil {
			return sends[0].Err
		}
		if sends[0].N == 0 {
			if i == 0 { // io_uring_enter is refused, though io_uring_setup was not
				break
			}
			return nil
		}
	}
	return errors.ErrUnsupported
}

// Send sends each P, and More behind it, as much as the socket takes at once, possibly
// nothing. There are at most as many as the ring was made for, and the descriptors stay open
// meanwhile.
func (r *Ring) Send(sends []Transfer) { r.do(opSend, sends) }

// Receive receives into each P, which is not empty, what has come, possibly nothing. Err is io.EOF at the end of
// a stream. There are at most as many as the ring was made for, and the descriptors stay
// open meanwhile.
func (r *Ring) Receive(receipts []Transfer) { r.do(opReceive, receipts) }

func (r *Ring) do(operation uint8, work []Transfer) {
	r.work = work // so it is on the heap, where it stays
	defer r.let()
	tail := *r.submitTail
	for i := range work {
		t := &work[i]
		t.N, t.Err = 0, nil
		s := submission{
			opcode: operation, fd: int32(t.FD), userData: uint64(i),
			addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(t.P)))), len: uint32(len(t.P)),
			msgFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL,
		}
		if operation == opSend && len(t.More[0]) > 0 {
			s.opcode, s.addr, s.len = opSendMessage, uint64(uintptr(unsafe.Pointer(r.messages[i].of(t)))), 1
		}
		r.submissions[(tail+uint32(i))%uint32(len(r.submissions))] = s
	}
	atomic.StoreUint32(r.submitTail, tail+uint32(len(work)))
	// The kernel does what it is asked to while it is asked: there is nothing to wait for.
	for done := 0; done < len(work); {
		left := atomic.LoadUint32(r.submitTail) - atomic.LoadUint32(r.submitHead)
		_, _, errno := syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(left), uintptr(len(work)-done), enterGetEvents, 0, 0)
		done += r.reap(operation)
		if errno != 0 && errno != syscall.EINTR {
			break
		}
	}
	// What it did not come to, for want of memory, is as if the socket was not ready.
	atomic.StoreUint32(r.submitTail, atomic.LoadUint32(r.submitHead))
}

// let lets go of what was in hand.
func (r *Ring) let() {
	for i := range r.work {
		if len(r.work[i].More[0]) > 0 {
			r.messages[i] = message{}
		}
	}
	r.work = nil
}

// of makes the message of a transfer.
func (m *message) of(t *Transfer) *unix.Msghdr {
	for i, p := range t.pieces() {
		m.pieces[i].Base = unsafe.SliceData(p)
		m.pieces[i].SetLen(len(p))
	}
	m.header.Iov = &m.pieces[0]
	m.header.SetIovlen(len(m.pieces))
	return &m.header
}

// reap takes the answers, and returns how many there were.
func (r *Ring) reap(operation uint8) (n int) {
	head, tail := *r.completeHead, atomic.LoadUint32(r.completeTail)
	for ; head != tail; head++ {
		c := r.completions[head%uint32(len(r.completions))]
		t := &r.work[c.userData]
		switch errno := syscall.Errno(-min(c.res, 0)); {
		case errno == syscall.EAGAIN, errno == syscall.EINTR:
		case errno != 0:
			t.Err = errno
		case c.res == 0 && operation == opReceive:
			t.Err = io.EOF
		default:
			t.N = int(c.res)
		}
		n++
	}
	atomic.StoreUint32(r.completeHead, head)
	return n
}

// Close gives back what the ring takes.
func (r *Ring) Close() {
	if r.queues != nil {
		_ = unix.Munmap(r.queues)
	}
	if r.requests != nil {
		_ = unix.Munmap(r.requests)
	}
	_ = unix.Close(r.fd)
}
