package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The system tests run the program as its users do: as processes, built once with
// the race detector.

var buildDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "confab-test-")
	if err != nil {
		panic(err)
	}
	buildDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var (
	build = builder("confab", "-race")
	// The race detector multiplies memory and time, so what is measured runs without.
	buildPlain = builder("confab-plain")
)

func builder(name string, flags ...string) func() (path string, err error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(buildDir, name)
		out, err := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path, ".")...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build confab: %w\n%s", err, out)
		}
		return path, nil
	})
}

// process is a running confab.
type process struct {
	name   string
	binary func() (path string, err error)
	addr   string // host:port it listens on
	env    []string
	cmd    *exec.Cmd
	log    *logFile
}

// startConfab runs the program with CONFAB_ variables and returns when it listens.
// The end of its log is shown if the test fails; a data race or panic in it fails
// the test.
func startConfab(t testing.TB, name string, env ...string) *process {
	t.Helper()
	return startBuilt(t, build, name, env)
}

// startPlainConfab is startConfab for what is measured.
func startPlainConfab(t testing.TB, name string, env ...string) *process {
	t.Helper()
	return startBuilt(t, buildPlain, name, env)
}

func startBuilt(t testing.TB, binary func() (string, error), name string, env []string) *process {
	t.Helper()
	p := &process{name: name, binary: binary, env: env, log: newLogFile()}
	p.start(t, "127.0.0.1:0")
	t.Cleanup(func() {
		p.stop(t)
		if log := p.log.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic:") {
			t.Errorf("%s raced or panicked:\n%s", name, log)
		} else if t.Failed() {
			t.Logf("%s logged:\n%s", name, tail(log, 40))
		}
	})
	return p
}

func (p *process) start(t testing.TB, addr string) {
	t.Helper()
	binary, err := p.binary()
	if err != nil {
		t.Fatal(err)
	}
	before := p.log.Len()
	p.cmd = exec.Command(binary)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"CONFAB_ADDR=" + addr, "CONFAB_LOG=info,json", "CONFAB_NODE=" + p.name}, p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	p.addr = p.log.await(t, before, "listening", "addr")
}

// ready waits until /readyz answers 200.
func (p *process) ready(t testing.TB) *process {
	t.Helper()
	eventually(t, time.Minute, p.name+" is ready", func() error {
		resp, err := http.Get("http://" + p.addr + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", resp.Status, body)
		}
		return nil
	})
	return p
}

// kill ends the process with SIGKILL.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Errorf("kill %s: %v", p.name, err)
	}
	_ = p.cmd.Wait() // says "signal: killed"
}

// stop ends the process with SIGTERM and expects it to end well.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // a failed test may have paused it
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%s ended with %v", p.name, err)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("%s did not end within 30 s of SIGTERM", p.name)
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
		t.Log(<-ended)
	}
}

// restart starts the process again at the address it had.
func (p *process) restart(t testing.TB) {
	t.Helper()
	p.start(t, p.addr)
}

// logFile keeps what a process writes and lets tests wait for a line.
type logFile struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	wrote chan struct{} // closed and replaced at each write
}

func newLogFile() *logFile { return &logFile{wrote: make(chan struct{})} }

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.wrote)
	l.wrote = make(chan struct{})
	return l.buf.Write(b)
}

func (l *logFile) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Len returns the number of bytes logged so far.
func (l *logFile) Len() int { return len(l.String()) }

// await returns an attribute of the first JSON line with the message behind offset.
func (l *logFile) await(t testing.TB, offset int, msg, attr string) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		l.mu.Lock()
		log, wrote := l.buf.String()[offset:], l.wrote
		l.mu.Unlock()
		for lines := bufio.NewScanner(strings.NewReader(log)); lines.Scan(); {
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == msg {
				return fmt.Sprint(line[attr])
			}
		}
		select {
		case <-wrote:
		case <-deadline:
			t.Fatalf("no line %q in the log:\n%s", msg, log)
		}
	}
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// eventually tries until check succeeds, and fails the test with its last error
// after the time.
func eventually(t testing.TB, within time.Duration, what string, check func() error) {
	t.Helper()
	if err := tryFor(within, check); err != nil {
		t.Fatalf("not within %v: %s: %v", within, what, err)
	}
}

// tryFor tries until check succeeds, and returns its last error after the time.
func tryFor(within time.Duration, check func() error) error {
	deadline := time.Now().Add(within)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(pause)
	}
}
