package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"confab/domain"
	"confab/nginx"
	"confab/web/swarm"
)

// A process has at most 20,000 open files on the machines that we measure on, so the crowd
// is divided among processes, and NGINX among workers.
const (
	crowdNodes      = 4
	crowdPerProcess = 15_000
	crowdRooms      = 60
)

// benchCrowd opens very many connections through NGINX, and sends each room messages.
func benchCrowd(ctx context.Context, b *bench) error {
	const rounds = 10
	n := b.scaled(60_000)
	s, err := b.cmd.cluster(ctx, crowdNodes)
	if err != nil {
		return err
	}
	defer s.stop()
	b.server = s
	if err := s.startNGINX(ctx); err != nil {
		return err
	}
	c, err := b.gather(ctx, crowdRooms, crowdRooms, 0) // who sends
	if err != nil {
		return err
	}
	defer c.Close()
	job := crowdJob{Addr: s.addr, Rooms: c.rooms, Rounds: rounds}
	for _, session := range c.own {
		job.Tokens = append(job.Tokens, session.Token)
	}
	start := time.Now()
	parts, err := startCrowd(ctx, job, n)
	if err != nil {
		return err
	}
	defer func() {
		for _, p := range parts {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	}()
	b.figure("connections through NGINX, all joined", float64(n), "").goal("60 000")
	b.figure("joined within", time.Since(start).Seconds(), "s")
	if err := sleepFor(ctx, b.cmd.Time); err != nil {
		return err
	}
	held, err := usageOf(s.pids...)
	if err != nil {
		return err
	}
	b.figure("memory of the nodes for a connection", held.rss/float64(n)/1024, "KiB")

	used, err := b.during(ctx, func() error {
		for range rounds {
			if _, err := c.round(ctx); err != nil {
				return err
			}
			if err := sleepFor(ctx, b.cmd.Time/rounds); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.costs("", "delivery", used, int64(n*rounds))
	var all crowdResult
	for _, p := range parts {
		r, err := p.end()
		if err != nil {
			return err
		}
		all.Deliveries += r.Deliveries
		all.P50, all.P99 = max(all.P50, r.P50), max(all.P99, r.P99)
	}
	b.expect("deliveries", all.Deliveries, int64(n*rounds))
	b.figure("p50 of delivery, of the slowest part", ms(all.P50), "ms")
	b.figure("p99 of delivery, of the slowest part", ms(all.P99), "ms")
	return c.verify(ctx)
}

// round sends a message to each room.
func (c *benchRooms) round(ctx context.Context) (sent int, err error) {
	c.Reset()
	for i, room := range c.rooms {
		c.sent[i]++
		if err := c.conns[i].Send(room, benchBody); err != nil {
			return 0, err
		}
	}
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	return len(c.rooms), c.Await(wait, "a message for each room is acked", func(s *swarm.Stats) bool { return s.Acks == int64(len(c.rooms)) })
}

// startNGINX puts NGINX with the shipped configuration before the nodes.
func (s *benchServer) startNGINX(ctx context.Context) error {
	var nodes []string
	for _, p := range s.nodes {
		nodes = append(nodes, p.addr.String())
	}
	addr := freeAddr()
	conf := nginx.Configure(addr.String(), nodes, s.dir)
	// Twice as many connections as clients, and at most 20,000 open files in a worker.
	conf = strings.Replace(conf, "worker_processes auto;", "worker_processes 10;", 1)
	conf = strings.Replace(conf, "worker_rlimit_nofile 65536;", "worker_rlimit_nofile 20000;", 1)
	file := filepath.Join(s.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	p, err := s.start("nginx", nil, "nginx", "-p", s.dir, "-c", file, "-g", "daemon off;")
	if err != nil {
		return fmt.Errorf("%w; install nginx", err)
	}
	p.addr = addr
	s.proxy, s.addr = p, addr
	return p.ready(ctx)
}

// crowdJob is what a part of the crowd is to do.
type crowdJob struct {
	Addr   netip.AddrPort
	From   netip.Addr
	Count  int
	Rounds int // of messages that each of the rooms gets
	Tokens []string
	Rooms  []domain.RoomID
}

// crowdResult is what a part has seen.
type crowdResult struct {
	Deliveries int64
	P50, P99   int64 // µs
	Error      string
}

// crowdPart is a process that holds a part of the crowd.
type crowdPart struct {
	cmd  *exec.Cmd
	tell io.WriteCloser
	said *bufio.Reader
	job  crowdJob
}

// startCrowd returns when all n connections have joined their rooms.
func startCrowd(ctx context.Context, job crowdJob, n int) ([]*crowdPart, error) {
	var parts []*crowdPart
	var starting errgroup.Group
	for i := 0; n > 0; i++ {
		job.Count = min(n, crowdPerProcess)
		job.From = netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + i)}) // each has as many ports as there are
		n -= job.Count
		p := &crowdPart{job: job}
		parts = append(parts, p)
		starting.Go(func() error { return p.start(ctx) })
	}
	return parts, starting.Wait()
}

func (p *crowdPart) start(ctx context.Context) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.cmd = exec.CommandContext(ctx, self, "bench-crowd")
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.tell, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.said = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return err
	}
	if err := json.NewEncoder(p.tell).Encode(p.job); err != nil {
		return err
	}
	_, err = p.hear()
	return err
}

// end ends the part and returns what it has seen.
func (p *crowdPart) end() (crowdResult, error) {
	_ = p.tell.Close()
	return p.hear()
}

func (p *crowdPart) hear() (r crowdResult, err error) {
	line, err := p.said.ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("a part of the crowd ended: %w", err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// crowdCmd is a part of the crowd. It reads its job, says when all have joined, and what
// they have got once its input ends.
type crowdCmd struct{}

// Run holds the connections.
func (crowdCmd) Run(ctx context.Context, stdout io.Writer) error {
	answer := json.NewEncoder(stdout)
	in := json.NewDecoder(os.Stdin)
	var job crowdJob
	if err := in.Decode(&job); err != nil {
		return err
	}
	c, err := swarm.New(job.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := job.join(ctx, c); err != nil {
		return answer.Encode(crowdResult{Error: err.Error()})
	}
	if err := answer.Encode(crowdResult{}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.MultiReader(in.Buffered(), os.Stdin))
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	all := int64(job.Count * job.Rounds)
	_ = c.Await(wait, "all is delivered", func(s *swarm.Stats) bool { return s.Deliveries >= all }) // the result tells
	var r crowdResult
	if err := c.Err(); err != nil {
		r.Error = err.Error()
	}
	s := c.Stats()
	r.Deliveries, r.P50, r.P99 = s.Deliveries, s.Delivery.ValueAtQuantile(50), s.Delivery.ValueAtQuantile(99)
	return answer.Encode(r)
}

// join lets some come at a time: who is asked by more than he can answer within Redis'
// time-out says so, and a client would try again, which this one does not.
func (job crowdJob) join(ctx context.Context, c *swarm.Swarm) error {
	const some = 500
	for first := 0; first < job.Count; first += some {
		n := min(some, job.Count-first)
		_, err := c.Dial(n, func(i int) swarm.Login {
			i += first
			return swarm.Login{Token: job.Tokens[i%len(job.Tokens)], From: job.From, Then: func(conn *swarm.Conn) error {
				return conn.Subscribe(job.Rooms[i%len(job.Rooms)], nil)
			}}
		})
		if err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, settleTime)
		err = c.Await(wait, "all have joined", func(s *swarm.Stats) bool { return s.Subscribed == int64(first+n) })
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}
