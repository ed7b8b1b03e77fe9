package web

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// poller is an epoll(7) instance: it tells of sockets on which something has come. A
// connection that waits there has neither a goroutine nor a buffer. Go's own poller, which
// has the instance as one of its descriptors, wakes the one goroutine that calls wait.
type poller struct {
	file   *os.File
	raw    syscall.RawConn
	events []unix.EpollEvent
	n      int
	err    error
	look   func(fd uintptr) bool // made once: a closure per wait would be an allocation
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else Go would not wait for it
		return nil, errors.Join(err, unix.Close(fd))
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), events: make([]unix.EpollEvent, 256)}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	p.look = func(fd uintptr) bool {
		for {
			p.n, p.err = unix.EpollWait(int(fd), p.events, 0)
			if !errors.Is(p.err, unix.EINTR) {
				return p.n != 0
			}
		}
	}
	return p, nil
}

// watch has wait tell of id whenever something has come on the socket, be it the end or an
// error: edge-triggered, so who is told reads until there is nothing more. A socket that is
// closed is forgotten.
//
// A read that is not full has taken all there was, with exceptions: the end and an error
// come in a read of their own, and no read goes across TCP's urgent data (EPOLLPRI).
func (p *poller) watch(fd uintptr, id uint64) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLPRI | unix.EPOLLET, Fd: int32(id), Pad: int32(id >> 32)}
	var err error
	closed := p.raw.Control(func(epoll uintptr) {
		err = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, int(fd), &event)
	})
	return errors.Join(closed, err)
}

// forget undoes watch.
func (p *poller) forget(fd uintptr) {
	_ = p.raw.Control(func(epoll uintptr) { _ = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_DEL, int(fd), nil) })
}

// wait calls f with the id of each socket on which something has come, and whether one of
// the exceptions is among it. It blocks until there is one, and fails after close.
func (p *poller) wait(f func(id uint64, parted bool)) error {
	if err := p.raw.Read(p.look); err != nil {
		return err
	}
	if p.err != nil {
		return p.err
	}
	for _, e := range p.events[:p.n] {
		f(uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32, e.Events&^unix.EPOLLIN != 0)
	}
	return nil
}

func (p *poller) close() { _ = p.file.Close() }
