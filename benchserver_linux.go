package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/procfs"
)

// benchServer is what is measured: processes of its own, or a server that runs anyway.
type benchServer struct {
	addr  netip.AddrPort  // where clients connect
	debug string          // host:port of metrics and pprof, of the first node
	nodes []*benchProcess // confab
	redis *benchProcess   // nil: embedded, or not ours
	proxy *benchProcess   // NGINX, if there is one
	pids  []int           // of confab
	dir   string          // of logs and data
	dirs  []string        // removed by stop
}

func (s *benchServer) url() string { return "http://" + s.addr.String() }

// server starts what the flags ask for, and returns when it is ready.
func (c benchCmd) server(ctx context.Context, env ...string) (*benchServer, error) {
	if c.Target != "" {
		addr, err := net.ResolveTCPAddr("tcp", c.Target)
		if err != nil {
			return nil, fmt.Errorf("target: %w; give host:port", err)
		}
		return &benchServer{addr: addr.AddrPort(), pids: c.PIDs}, nil
	}
	return c.cluster(ctx, 1, env...)
}

// cluster starts Redis, unless it is to be embedded, and n nodes with a projector and a
// store each.
func (c benchCmd) cluster(ctx context.Context, n int, env ...string) (_ *benchServer, err error) {
	dir, err := os.MkdirTemp("", "confab-bench-")
	if err != nil {
		return nil, err
	}
	s := &benchServer{dir: dir, dirs: []string{dir}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.complaints())
			s.stop()
		}
	}()
	if c.Log != "embedded" {
		addr := freeAddr()
		args := []string{"--port", fmt.Sprint(addr.Port()), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"}
		if c.Log == "always" {
			args = append(args[:len(args)-1], "yes", "--appendfsync", "always")
		}
		if s.redis, err = s.start("redis", nil, "redis-server", args...); err != nil {
			return nil, fmt.Errorf("%w; install redis-server, or measure with --appendonly=embedded", err)
		}
		s.redis.addr = addr
		env = append(env, "CONFAB_REDIS_URL=redis://"+addr.String())
	}
	if n > 1 {
		env = append(env, "CONFAB_MONGO_URI="+string(c.mongo))
	}
	for i := range n {
		if err := s.startNode(ctx, fmt.Sprint("node", i+1), env...); err != nil {
			return nil, err
		}
	}
	if n > 0 {
		s.addr = s.nodes[0].addr
	}
	return s, nil
}

// startNode starts a node and returns when it is ready.
func (s *benchServer) startNode(ctx context.Context, name string, env ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	addr, debug := freeAddr(), freeAddr()
	env = append([]string{
		"CONFAB_ADDR=" + addr.String(), "CONFAB_DEBUG_ADDR=" + debug.String(), "CONFAB_NODE=" + name,
		"CONFAB_DATA=" + filepath.Join(s.dir, name), "CONFAB_LIMITS=off", "CONFAB_GUESTS=on", "CONFAB_LOG=warn,text",
	}, env...)
	p, err := s.start(name, env, self)
	if err != nil {
		return err
	}
	p.addr = addr
	s.nodes, s.pids = append(s.nodes, p), append(s.pids, p.cmd.Process.Pid)
	if s.debug == "" {
		s.debug = debug.String()
	}
	return p.ready(ctx)
}

// restart kills the only node, starts it again, and returns how long it took to be ready.
func (s *benchServer) restart(ctx context.Context) (time.Duration, error) {
	old := s.nodes[0]
	old.kill()
	start := time.Now()
	p, err := s.start(old.name, old.env, old.cmd.Path)
	if err != nil {
		return 0, err
	}
	p.addr = old.addr
	s.nodes[0], s.pids[0] = p, p.cmd.Process.Pid
	err = p.ready(ctx)
	return time.Since(start), err
}

// stop ends everything that was started.
func (s *benchServer) stop() {
	if s.proxy != nil {
		_ = s.proxy.cmd.Process.Signal(syscall.SIGTERM) // its workers, too
		_ = s.proxy.cmd.Wait()
	}
	for _, p := range append(slices.Clone(s.nodes), s.redis) {
		if p != nil {
			p.kill()
		}
	}
	for _, dir := range s.dirs {
		_ = os.RemoveAll(dir)
	}
}

// complaints is what the processes have logged, as an error.
func (s *benchServer) complaints() error {
	var errs []error
	for _, p := range s.nodes {
		text, _ := os.ReadFile(p.log)
		if lines := bytes.Split(bytes.TrimSpace(text), []byte("\n")); len(lines[0]) > 0 {
			errs = append(errs, fmt.Errorf("%s logged: %s", p.name, bytes.Join(lines[max(0, len(lines)-5):], []byte("\n"))))
		}
	}
	return errors.Join(errs...)
}

// benchProcess is a child of this process.
type benchProcess struct {
	name string
	cmd  *exec.Cmd
	env  []string
	addr netip.AddrPort
	log  string // file
}

func (s *benchServer) start(name string, env []string, command string, args ...string) (*benchProcess, error) {
	p := &benchProcess{name: name, env: env, log: filepath.Join(s.dir, name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(command, args...)
	// The settings of the shell that it is run in may be those of production.
	inherited := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "CONFAB_") })
	p.cmd.Env = append(append(inherited, env...), "GOTRACEBACK=single")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives the bench
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

func (p *benchProcess) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *benchProcess) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		resp, err := httpGet(ctx, "http://"+p.addr.String()+"/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s did not become ready: %w", p.name, ctx.Err())
		}
	}
}

func httpGet(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// freeAddr is an address of this machine that nobody listens at. Another process may take
// it before it is used; then the start fails.
func freeAddr() netip.AddrPort {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// usage is what processes have used.
type usage struct {
	cpu time.Duration // since their start
	rss float64       // bytes, now
}

// usageOf adds up what /proc says of processes.
func usageOf(pids ...int) (u usage, err error) {
	for _, pid := range pids {
		p, err := procfs.NewProc(pid)
		if err != nil {
			return u, err
		}
		stat, err := p.Stat()
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(stat.CPUTime() * float64(time.Second))
		u.rss += float64(stat.ResidentMemory())
	}
	return u, nil
}

// spent is processor time.
type spent struct {
	server, redis time.Duration // of their processes
	load          time.Duration // of this one
}

// during runs f and returns what was spent meanwhile; of Redis, if it is ours.
func (b *bench) during(ctx context.Context, f func() error) (used spent, err error) {
	stopProfile := b.profile(ctx)
	before, err := b.spent()
	if err != nil {
		return used, err
	}
	if err := f(); err != nil {
		return used, err
	}
	after, err := b.spent()
	if err != nil {
		return used, err
	}
	used = spent{after.server - before.server, after.redis - before.redis, after.load - before.load}
	return used, stopProfile()
}

func (b *bench) spent() (all spent, err error) {
	server, err := usageOf(b.server.pids...)
	if err != nil {
		return all, err
	}
	var redis usage
	if b.server.redis != nil {
		redis, err = usageOf(b.server.redis.cmd.Process.Pid)
	}
	return spent{server.cpu, redis.cpu, processorTime()}, err
}

// costs adds the processor times for each of n things, and returns the server's. Nobody
// knows that of a running server without --pid.
func (b *bench) costs(prefix, thing string, used spent, n int64) *benchFigure {
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(max(1, n)) }
	b.figure(prefix+"load generator's processor time for a "+thing, each(used.load), "µs")
	if b.server.redis != nil {
		b.figure(prefix+"Redis' processor time for a "+thing, each(used.redis), "µs")
	}
	if len(b.server.pids) == 0 {
		return &benchFigure{}
	}
	return b.figure(prefix+"server's processor time for a "+thing, each(used.server), "µs")
}

// profile begins a CPU profile of the first node. What it returns waits for its end.
func (b *bench) profile(ctx context.Context) (stop func() error) {
	if b.cmd.Profile == "" || b.server.debug == "" {
		return func() error { return nil }
	}
	ended := make(chan error, 1)
	go func() {
		resp, err := httpGet(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", b.server.debug, max(1, int(b.cmd.Time.Seconds()))))
		if err != nil {
			ended <- err
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		ended <- errors.Join(err, os.MkdirAll(b.cmd.Profile, 0o755),
			os.WriteFile(filepath.Join(b.cmd.Profile, b.Scenario+".pprof"), body, 0o644))
	}()
	return func() error { return <-ended }
}

// metric reads a metric of the first node: the sum over its labels.
func (s *benchServer) metric(ctx context.Context, name string) (sum float64, err error) {
	family, err := s.metrics(ctx, name)
	for _, m := range family.GetMetric() {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sum, err
}

// histogram reads a histogram of the first node: how many were at most so much.
func (s *benchServer) histogram(ctx context.Context, name string) (cumulative, error) {
	family, err := s.metrics(ctx, name)
	counts := cumulative{}
	for _, m := range family.GetMetric() {
		for _, b := range m.GetHistogram().GetBucket() {
			counts[b.GetUpperBound()] += float64(b.GetCumulativeCount())
		}
	}
	return counts, err
}

func (s *benchServer) metrics(ctx context.Context, name string) (*dto.MetricFamily, error) {
	resp, err := httpGet(ctx, "http://"+s.debug+"/metrics")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	return families[name], err
}

// cumulative is how many observations were at most so much, by upper bound.
type cumulative map[float64]float64

func (c cumulative) minus(o cumulative) cumulative {
	d := cumulative{}
	for bound, n := range c {
		d[bound] = n - o[bound]
	}
	return d
}

// atMost returns the least bound below which the share q of all observations is. Of what
// is beyond all bounds it returns the largest.
func (c cumulative) atMost(q float64) (bound float64) {
	bounds := slices.Sorted(maps.Keys(c))
	for _, bound = range bounds[:max(0, len(bounds)-1)] {
		if c[bound] >= q*c[math.Inf(1)] {
			break
		}
	}
	return bound
}
