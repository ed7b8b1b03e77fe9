package domaintest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Redis is a redis-server process of a test's own.
type Redis struct {
	Addr string // host:port
	URL  string // redis://host:port
	Port int
	Dir  string // holds the append-only file

	// Env is what the process gets besides our environment, from the next Restart on.
	Env []string

	tb   testing.TB
	args []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// StartRedis starts redis-server on a free port of 127.0.0.1, with an append-only
// file that is synced before every answer, in a folder of the test. args are options
// of redis-server that override ours: "--appendfsync", "no". It returns when the
// server answers, and the server is killed when the test ends.
func StartRedis(tb testing.TB, args ...string) *Redis {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Fatal("redis-server is not installed; `make setup` installs it")
	}
	r := &Redis{tb: tb, Dir: tb.TempDir(), args: args}
	tb.Cleanup(r.Kill)
	// Another process may take the port between our look and redis-server's bind.
	var err error
	for range 5 {
		if r.Port, err = freePort(); err != nil {
			continue
		}
		r.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port))
		r.URL = "redis://" + r.Addr
		if err = r.start(); err == nil {
			return r
		}
	}
	tb.Fatalf("start redis-server: %v", err)
	return nil
}

// Kill ends the server with SIGKILL and returns when it is gone. Killing it again
// does nothing.
func (r *Redis) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kill()
}

func (r *Redis) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	<-r.exited
	r.cmd = nil
}

// Restart kills the server if it still runs and starts it again on the same port and
// folder. It returns when the append-only file is loaded and the server answers.
func (r *Redis) Restart() {
	r.tb.Helper()
	r.Kill()
	if err := r.start(); err != nil {
		r.tb.Fatalf("restart redis-server: %v", err)
	}
}

// Ended reports whether the server is gone, be it killed or of its own accord.
func (r *Redis) Ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return true
	}
	select {
	case <-r.exited:
		return true
	default:
		return false
	}
}

// Pause stops the server with SIGSTOP: it keeps its connections and answers nothing.
func (r *Redis) Pause() { r.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (r *Redis) Resume() { r.signal(syscall.SIGCONT) }

func (r *Redis) signal(s os.Signal) {
	r.tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		r.tb.Errorf("signal %v: redis-server does not run", s)
	} else if err := r.cmd.Process.Signal(s); err != nil {
		r.tb.Errorf("signal %v: %v", s, err)
	}
}

func (r *Redis) start() error {
	args := append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(r.Port), "--dir", r.Dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "",
		"--enable-debug-command", "local", // DEBUG RESTART, for suites that restart it themselves
	}, r.args...)
	cmd := exec.Command("redis-server", args...)
	cmd.Env = append(os.Environ(), r.Env...)
	out, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return err
	}
	exited, ready := make(chan struct{}), make(chan struct{})
	var log strings.Builder // read only after the log has ended
	logEnded := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		_ = w.Close()
		close(exited)
	}()
	go func() {
		defer close(logEnded)
		told := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if !told && strings.Contains(lines.Text(), "Ready to accept connections") {
				close(ready)
				told = true
			}
			if !told {
				fmt.Fprintln(&log, lines.Text())
			}
		}
		_, _ = io.Copy(io.Discard, out) // after an overlong line
	}()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	var err error
	select {
	case <-ready:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.cmd, r.exited = cmd, exited
		return nil
	case <-exited:
		err = fmt.Errorf("it ended at once")
	case <-timeout.C:
		err = fmt.Errorf("it is not ready after 20 s")
		_ = cmd.Process.Kill()
	}
	<-logEnded
	return fmt.Errorf("%w:\n%s", err, log.String())
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
