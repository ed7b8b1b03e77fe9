package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"confab/domain"
	"confab/web/client"
)

// Conn is one connection, which follows at most one room.
type Conn struct {
	swarm  *Swarm
	fd     int
	number int // as Dial counts
	raw    bool

	writing sync.Mutex
	out     []byte // scratch

	// Guarded by the swarm's mutex:
	opening []byte // of the events of the room that it follows
	live    bool   // asked for live events only: begins at the head that it is told
	last    uint64 // newest seq
	partial []byte // of a frame
}

// Login says how a connection is opened.
type Login struct {
	Token string     // of a session; "": no handshake either, and frames are only counted
	From  netip.Addr // address of this machine to connect from; zero: any
	// Then is called once the connection is open, side by side for several. Nil: nothing.
	Then func(*Conn) error
}

// Dial opens n connections, some at a time, logged in as login(i) says, and returns them
// in this order.
func (s *Swarm) Dial(n int, login func(i int) Login) ([]*Conn, error) {
	const atOnce = 64 // each is a blocked thread
	conns := make([]*Conn, n)
	var dialing errgroup.Group
	dialing.SetLimit(atOnce)
	for i := range conns {
		dialing.Go(func() (err error) {
			l := login(i)
			if conns[i], err = s.dial(i, l); err == nil && l.Then != nil {
				err = l.Then(conns[i])
			}
			return err
		})
	}
	if err := dialing.Wait(); err != nil {
		return nil, fmt.Errorf("open connections to %s: %w", s.addr, err)
	}
	return conns, nil
}

func (s *Swarm) dial(number int, l Login) (_ *Conn, err error) {
	domainOf := func(a netip.Addr) int {
		if a.Is4() {
			return unix.AF_INET
		}
		return unix.AF_INET6
	}
	fd, err := unix.Socket(domainOf(s.addr.Addr()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%w; a process has few open files, see ulimit -n", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if l.From.IsValid() {
		// The port is chosen at connect, so that it may be used again for other targets.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(l.From, 0))); err != nil {
			return nil, fmt.Errorf("bind to %s: %w", l.From, err)
		}
	}
	if err := unix.Connect(fd, sockaddr(s.addr)); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	c := &Conn{swarm: s, fd: fd, number: number, raw: l.Token == ""}
	if !c.raw {
		if c.partial, err = shake(fd, s.addr, l.Token); err != nil {
			return nil, err
		}
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		return nil, err
	}
	s.conns[int32(fd)] = c
	c.partial = bytes.Clone(s.take(c, c.partial, time.Now().UnixNano()))
	return c, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// shake does the opening handshake (RFC 6455, section 4.1), and returns what came after it.
func shake(fd int, addr netip.AddrPort, token string) (rest []byte, err error) {
	patience := unix.NsecToTimeval(int64(20 * time.Second))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience); err != nil {
		return nil, err
	}
	request := "GET /ws HTTP/1.1\r\nHost: " + addr.String() + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	if _, err := unix.Write(fd, []byte(request)); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	var answer []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("handshake: %w", err)
		}
		answer = append(answer, buf[:n]...)
		head, rest, whole := bytes.Cut(answer, []byte("\r\n\r\n"))
		switch {
		case whole && strings.HasPrefix(string(head), "HTTP/1.1 101 "):
			return rest, nil
		case whole || n == 0:
			return nil, fmt.Errorf("handshake: the server answered %q", answer)
		}
	}
}

// Number is the place of the connection in what Dial returned.
func (c *Conn) Number() int { return c.number }

// Subscribe asks for the room's events after one, or, if after is nil, from the head on.
func (c *Conn) Subscribe(room domain.RoomID, after *uint64) error {
	c.swarm.follow(c, room, after)
	frame := `{"type":"subscribe","id":"s","room":` + quoted(string(room))
	if after != nil {
		frame += `,"after":` + strconv.FormatUint(*after, 10)
	}
	return c.write([]byte(frame + "}"))
}

// Send sends a Message.
func (c *Conn) Send(room domain.RoomID, n int) error { return c.write(Message(room, n)) }

// Message returns the frame that sends n bytes, whose body and id begin with the time, under
// a key like our clients': with others the server would have to look into its archive.
func Message(room domain.RoomID, n int) []byte {
	body := Body(time.Now(), n)
	frame := make([]byte, 0, 128+n)
	frame = append(frame, `{"type":"send","id":"`...)
	frame = append(frame, body[:stampDigits]...)
	frame = append(frame, `","room":"`...)
	frame = append(frame, room...)
	frame = append(frame, `","key":"`...)
	frame = append(frame, client.NewKey()...)
	frame = append(frame, `","body":"`...)
	frame = append(frame, body...)
	return append(frame, `"}`...)
}

var (
	errFull   = errors.New("the server does not read")
	errClosed = errors.New("the server closed the connection")
)

// write sends one frame in one call. That a small frame does not fit into the socket is
// an error: the server does not read.
func (c *Conn) write(payload []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out = appendFrame(c.out[:0], opText, payload)
	n, err := unix.Write(c.fd, c.out)
	if err == nil && n < len(c.out) {
		err = errFull
	}
	if err != nil {
		return fmt.Errorf("send a frame: %w", err)
	}
	return nil
}

func headOf(payload []byte) uint64 {
	_, rest, _ := bytes.Cut(payload, []byte(`"head":`))
	digits, _, _ := bytes.Cut(rest, []byte("}"))
	head, _ := strconv.ParseUint(string(digits), 10, 64)
	return head
}
