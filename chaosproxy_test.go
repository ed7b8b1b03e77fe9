package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// chaosProxy carries TCP connections to a target and, on demand, spoils them. One
// stands between any two processes of the chaos run.
type chaosProxy struct {
	name   string // "node1–redis"
	addr   string // host:port
	target string

	mu      sync.Mutex
	random  *rand.Rand // of the jitter
	weather weather
	changed chan struct{} // closed and replaced with the weather
	conns   map[net.Conn]struct{}
}

// weather is what happens to connections. The zero value carries them.
type weather struct {
	refuse      bool          // connections are reset, new ones at once
	holdAsks    bool          // what the dialling side sends stays in the proxy
	holdAnswers bool          // what the target sends stays in the proxy
	delay       time.Duration // of each chunk, give or take a half
	losePushes  bool          // every second message of a Redis subscription vanishes
}

// startChaosProxy carries connections from a free port of 127.0.0.1 to target until
// the test ends.
func startChaosProxy(t testing.TB, name, target string, random *rand.Rand) *chaosProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &chaosProxy{
		name: name, addr: l.Addr().String(), target: target,
		random: random, changed: make(chan struct{}), conns: map[net.Conn]struct{}{},
	}
	ctx, stop := context.WithCancel(context.Background())
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			carrying.Go(func() { p.carry(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		stop()
		p.cut()
		carrying.Wait()
	})
	return p
}

// set changes the weather for the connections that are and those that come.
func (p *chaosProxy) set(w weather) {
	p.mu.Lock()
	p.weather = w
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if w.refuse {
		p.cut()
	}
}

// cut resets all connections. What was held in them is lost.
func (p *chaosProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		reset(conn)
	}
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a closed one is closed anyway
	}
	conn.Close()
}

func (p *chaosProxy) carry(ctx context.Context, from net.Conn) {
	defer p.forget(from)
	if !p.keep(ctx, from) {
		return
	}
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.forget(to)
	if !p.keep(ctx, to) {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	var both sync.WaitGroup
	defer both.Wait()
	defer stop()
	both.Go(func() {
		p.pump(ctx, to, from, func(w weather) bool { return w.holdAsks })
		reset(to) // so that the other direction ends, too
		stop()
	})
	p.pump(ctx, from, to, func(w weather) bool { return w.holdAnswers })
	reset(from)
}

// keep remembers a connection for cut, unless connections are refused now.
func (p *chaosProxy) keep(ctx context.Context, conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	return !p.weather.refuse && ctx.Err() == nil
}

func (p *chaosProxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	reset(conn)
}

// pump copies until either side ends. An orderly end is passed on.
func (p *chaosProxy) pump(ctx context.Context, to, from net.Conn, held func(weather) bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w, interrupted := p.pass(ctx, held)
		if interrupted != nil {
			return
		}
		chunk := buf[:n]
		if w.losePushes {
			chunk = p.thin(chunk)
		}
		if _, failed := to.Write(chunk); failed != nil {
			return
		}
		if errors.Is(err, io.EOF) {
			to.Close() // the deferred reset finds it closed
			return
		}
		if err != nil {
			return
		}
	}
}

// pass returns when the weather lets a chunk through.
func (p *chaosProxy) pass(ctx context.Context, held func(weather) bool) (weather, error) {
	for {
		p.mu.Lock()
		w, changed := p.weather, p.changed
		var late <-chan time.Time
		if w.delay > 0 {
			late = time.After(w.delay/2 + time.Duration(p.random.Int64N(int64(w.delay))))
		}
		p.mu.Unlock()
		switch {
		case held(w):
			late = nil
		case late == nil:
			return w, nil
		}
		select {
		case <-late:
			return w, nil
		case <-changed:
		case <-ctx.Done():
			return w, ctx.Err()
		}
	}
}

// thin takes about half of the messages of a subscription out of what Redis sent, if
// it is nothing else.
func (p *chaosProxy) thin(chunk []byte) (thinned []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(chunk) > 0 {
		message := push.Find(chunk)
		size := 0
		if message != nil {
			size, _ = strconv.Atoi(string(push.FindSubmatch(chunk)[1])) // digits
		}
		end := len(message) + size + len("\r\n")
		if message == nil || end > len(chunk) {
			return append(thinned, chunk...)
		}
		if p.random.IntN(2) == 0 {
			thinned = append(thinned, chunk[:end]...)
		}
		chunk = chunk[end:]
	}
	return thinned
}

// push is the beginning of a message of a subscription, up to its payload (RESP 2).
var push = regexp.MustCompile(`^\*3\r\n\$7\r\nmessage\r\n\$\d+\r\n[^\r]*\r\n\$(\d+)\r\n`)

func TestChaosProxy_spoilsAndHeals(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // echoes until the proxy is gone
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	p := startChaosProxy(t, "test–echo", l.Addr().String(), rand.New(rand.NewPCG(1, 0)))
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	echo := func(conn net.Conn, patience time.Duration) error {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, make([]byte, 1))
		return err
	}
	const soon, enough = 50 * time.Millisecond, 5 * time.Second
	conn := dial()
	if err := echo(conn, enough); err != nil {
		t.Fatalf("fair weather: %v", err)
	}
	for name, held := range map[string]weather{"asks": {holdAsks: true}, "answers": {holdAnswers: true}} {
		p.set(held)
		if err := echo(conn, soon); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s held: got %v", name, err)
		}
		p.set(weather{})
		_ = conn.SetDeadline(time.Now().Add(enough))
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Errorf("%s held must come late: %v", name, err)
		}
	}
	p.set(weather{delay: 100 * time.Millisecond})
	start := time.Now()
	if err := echo(conn, enough); err != nil || time.Since(start) < 2*50*time.Millisecond {
		t.Errorf("delay: %v after %v", err, time.Since(start))
	}
	p.set(weather{losePushes: true})
	pushed := "*3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$3\r\nhi!\r\n"
	if err := echo(conn, enough); err != nil {
		t.Errorf("what is no push must pass: %v", err)
	}
	rest := p.thin([]byte(strings.Repeat(pushed, 100) + "+PONG\r\n"))
	left, ponged := strings.CutSuffix(string(rest), "+PONG\r\n")
	if n := strings.Count(left, pushed); !ponged || n < 20 || n > 80 || len(left) != n*len(pushed) {
		t.Errorf("100 pushes and a pong became %q", rest)
	}
	p.set(weather{refuse: true})
	for _, conn := range []net.Conn{conn, dial()} {
		if err := echo(conn, enough); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("refused: got %v", err)
		}
	}
	p.set(weather{})
	if err := echo(dial(), enough); err != nil {
		t.Errorf("healed: %v", err)
	}
}
