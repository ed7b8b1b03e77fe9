package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"confab/domain"
	"confab/web/frames"
	"confab/web/swarm"
)

// floorCmd is the least that any server has to do, in a process of its own: it accepts
// connections and writes a ready frame to each with one plain write, so often a second, or
// whenever something came in (Echo).
type floorCmd struct {
	Connections int
	Rate        float64 // frames a second for each connection
	Echo        bool
	Time        time.Duration
	Bytes       int // of a frame, about
}

// floorResult is what it prints at its end.
type floorResult struct {
	Writes int64
	CPU    time.Duration
	Memory float64 // bytes for a connection
}

// Run prints the address, waits for the connections, and writes for some time.
func (c floorCmd) Run(ctx context.Context, stdout io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	if _, err := fmt.Fprintln(stdout, ln.Addr()); err != nil {
		return err
	}
	before, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	var echoed atomic.Int64
	var echoes sync.WaitGroup
	defer echoes.Wait()
	conns := make([]net.Conn, c.Connections)
	for i := range conns {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if conns[i] = conn; c.Echo {
			echoes.Go(func() { c.echo(conn, &echoed) })
		}
	}
	if err := sleepFor(ctx, min(c.Time, time.Second)); err != nil { // all is quiet
		return err
	}
	after, err := usageOf(os.Getpid())
	if err != nil {
		return err
	}
	began := processorTime()
	n, err := swarm.Pace(ctx, c.Rate, c.Time, func(int) error {
		frame := c.frame()
		for _, conn := range conns {
			if _, err := conn.Write(frame); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(floorResult{
		Writes: int64(n*len(conns)) + echoed.Load(), CPU: processorTime() - began,
		Memory: (after.rss - before.rss) / float64(c.Connections),
	})
}

// echo answers whatever comes with a frame.
func (c floorCmd) echo(conn net.Conn, n *atomic.Int64) {
	frame, in := c.frame(), make([]byte, 512)
	for {
		if _, err := conn.Read(in); err != nil {
			return
		}
		if _, err := conn.Write(frame); err != nil {
			return
		}
		n.Add(1)
	}
}

// frame is as long as the event frames that it stands for.
func (c floorCmd) frame() []byte {
	around := len(floorFrame(0))
	return floorFrame(max(0, c.Bytes-around) + len(swarm.Body(time.Time{}, 0)))
}

func floorFrame(n int) []byte {
	rec, err := domain.EncodeEvent(domain.Event{Room: "floor", Seq: 1, Kind: domain.MessagePosted, Body: string(swarm.Body(time.Now(), n))})
	if err != nil {
		panic(err)
	}
	return frames.Event(rec)
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// floorFigures are those of the floor for one load.
type floorFigures struct {
	cpu      float64 // µs for a frame
	rate     float64 // frames/s
	p50, p99 float64 // ms
	memory   float64 // KiB for a connection
}

// floor measures what the least that a server has to do takes.
func (b *bench) floor(ctx context.Context, c floorCmd) (f floorFigures, err error) {
	c.Time = b.cmd.Time
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	cmd := exec.CommandContext(ctx, self, "bench-floor", fmt.Sprint("--connections=", c.Connections), fmt.Sprint("--rate=", c.Rate),
		fmt.Sprint("--echo=", c.Echo), "--time="+c.Time.String(), fmt.Sprint("--bytes=", c.Bytes))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return f, err
	}
	if err := cmd.Start(); err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, cmd.Wait()) }()
	said := bufio.NewScanner(out)
	if !said.Scan() {
		return f, errors.New("the floor said nothing")
	}
	addr, err := netip.ParseAddrPort(said.Text())
	if err != nil {
		return f, err
	}
	crowd, err := swarm.New(addr)
	if err != nil {
		return f, err
	}
	defer crowd.Close()
	conns, err := crowd.Dial(c.Connections, func(int) swarm.Login { return swarm.Login{} })
	if err != nil {
		return f, err
	}
	if c.Echo {
		crowd.OnAck(func(*swarm.Conn) []byte { return swarm.Message("floor", benchBody) })
		for _, conn := range conns {
			_ = conn.Send("floor", benchBody) // which fails at the end
		}
	}
	if !said.Scan() {
		return f, errors.New("the floor did not end well")
	}
	var result floorResult
	if err := json.Unmarshal(said.Bytes(), &result); err != nil {
		return f, err
	}
	if !c.Echo {
		wait, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		_ = crowd.Await(wait, "all of the floor's frames came", func(s *swarm.Stats) bool { return s.Deliveries >= result.Writes })
		b.expect("frames of the floor", crowd.Stats().Deliveries, result.Writes)
	}
	s := crowd.Stats()
	return floorFigures{
		cpu:  float64(result.CPU.Nanoseconds()) / 1000 / float64(max(1, result.Writes)),
		rate: float64(result.Writes) / c.Time.Seconds(),
		p50:  ms(s.Delivery.ValueAtQuantile(50)), p99: ms(s.Delivery.ValueAtQuantile(99)),
		memory: result.Memory / 1024,
	}, nil
}
