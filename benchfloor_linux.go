package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"

	"confab/domain"
	"confab/web/frames"
	"confab/web/swarm"
)

// floorCmd is the least that any server has to do: it accepts connections, and writes one
// ready frame to each with one plain write. It is run by the bench as a process of its own.
type floorCmd struct {
	Connections int
	Rate        float64 // frames a second
	Time        time.Duration
	Bytes       int // of a frame, about
}

// floorResult is what it prints at its end.
type floorResult struct {
	Writes int
	CPU    time.Duration
}

// Run prints the address, waits for the connections, and writes.
func (c floorCmd) Run(ctx context.Context, stdout io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	if _, err := fmt.Fprintln(stdout, ln.Addr()); err != nil {
		return err
	}
	conns := make([]net.Conn, c.Connections)
	for i := range conns {
		if conns[i], err = ln.Accept(); err != nil {
			return err
		}
		defer conns[i].Close()
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
	return json.NewEncoder(stdout).Encode(floorResult{Writes: n * len(conns), CPU: processorTime() - began})
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
	cpu      float64 // µs for a delivery
	p50, p99 float64 // ms
}

// floor measures what one plain write for each delivery takes.
func (b *bench) floor(ctx context.Context, connections int, rate float64, size int) (f floorFigures, err error) {
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	cmd := exec.CommandContext(ctx, self, "bench-floor", fmt.Sprint("--connections=", connections), fmt.Sprint("--rate=", rate),
		"--time="+b.cmd.Time.String(), fmt.Sprint("--bytes=", size))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return f, err
	}
	if err := cmd.Start(); err != nil {
		return f, err
	}
	said := bufio.NewScanner(out)
	if !said.Scan() {
		return f, fmt.Errorf("the floor said nothing: %w", cmd.Wait())
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
	if _, err := crowd.Dial(connections, func(int) swarm.Login { return swarm.Login{} }); err != nil {
		return f, err
	}
	if !said.Scan() {
		return f, fmt.Errorf("the floor did not end well: %w", cmd.Wait())
	}
	var result floorResult
	if err := json.Unmarshal(said.Bytes(), &result); err != nil {
		return f, err
	}
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err := crowd.Await(wait, "all of the floor's frames came", func(s *swarm.Stats) bool { return s.Deliveries >= int64(result.Writes) || s.Closed > 0 }); err != nil && crowd.Stats().Deliveries < int64(result.Writes) {
		return f, err
	}
	s := crowd.Stats()
	b.expect("frames of the floor", s.Deliveries, int64(result.Writes))
	return floorFigures{
		cpu: float64(result.CPU.Nanoseconds()) / 1000 / float64(result.Writes),
		p50: ms(s.Delivery.ValueAtQuantile(50)), p99: ms(s.Delivery.ValueAtQuantile(99)),
	}, cmd.Wait()
}
