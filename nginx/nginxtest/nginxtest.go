// Package nginxtest runs the shipped nginx.conf in a process of a test's own.
package nginxtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/nginx"
)

// Nginx is a running nginx.
type Nginx struct {
	Addr string // host:port
	URL  string // http://host:port
	Dir  string // holds access.log and error.log

	// Env is what the process gets besides our environment, from the next Restart on.
	Env []string

	tb     testing.TB
	master *exec.Cmd
	exited chan struct{}
	said   *bytes.Buffer // read only after exited
}

// Start runs the shipped configuration on a free port of 127.0.0.1 in front of the
// nodes (host:port each). It returns when nginx accepts connections; the test's end
// kills it.
func Start(tb testing.TB, nodes ...string) *Nginx {
	tb.Helper()
	return StartWith(tb, func(listen, dir string) string { return nginx.Configure(listen, nodes, dir) })
}

// StartWith is Start with a configuration of the test's own making.
func StartWith(tb testing.TB, config func(listen, dir string) string) *Nginx {
	tb.Helper()
	n := &Nginx{tb: tb, Dir: tb.TempDir()}
	tb.Cleanup(n.Kill)
	var err error
	for range 5 { // another process may take the port before nginx does
		if n.Addr, err = freeAddr(); err != nil {
			continue
		}
		n.URL = "http://" + n.Addr
		if err = os.WriteFile(n.file("nginx.conf"), []byte(config(n.Addr, n.Dir)), 0o600); err != nil {
			break
		}
		if err = n.start(); err == nil {
			return n
		}
	}
	tb.Fatalf("start nginx: %v", err)
	return nil
}

// Kill ends nginx and its workers with SIGKILL and returns when it is gone. Killing it
// again does nothing.
func (n *Nginx) Kill() {
	if n.master == nil {
		return
	}
	// The group, since workers outlive a master that is killed.
	_ = syscall.Kill(-n.master.Process.Pid, syscall.SIGKILL)
	<-n.exited
	n.master = nil
}

// Quit lets nginx end gracefully: it accepts nothing new, finishes the requests it has,
// and waits for its WebSockets to end. Quit returns when it is gone.
func (n *Nginx) Quit() {
	n.tb.Helper()
	if err := n.master.Process.Signal(syscall.SIGQUIT); err != nil {
		n.tb.Fatalf("quit nginx: %v", err)
	}
	<-n.exited
	n.master = nil
}

// Restart kills nginx and starts it again on the same address.
func (n *Nginx) Restart() {
	n.tb.Helper()
	n.Kill()
	if err := n.start(); err != nil {
		n.tb.Fatalf("restart nginx: %v", err)
	}
}

// Pause stops nginx and its workers with SIGSTOP: they keep their connections and
// answer nothing.
func (n *Nginx) Pause() { n.signal(syscall.SIGSTOP) }

// Resume lets a paused nginx go on.
func (n *Nginx) Resume() { n.signal(syscall.SIGCONT) }

func (n *Nginx) signal(s syscall.Signal) {
	n.tb.Helper()
	if err := syscall.Kill(-n.master.Process.Pid, s); err != nil {
		n.tb.Errorf("signal %v to nginx: %v", s, err)
	}
}

// Reload makes nginx read its configuration again, as after an operator's change, and
// returns when new workers run. The old ones go on with the connections they have.
func (n *Nginx) Reload() {
	n.tb.Helper()
	before := n.workers()
	if err := n.master.Process.Signal(syscall.SIGHUP); err != nil {
		n.tb.Fatalf("reload nginx: %v", err)
	}
	err := n.wait(func() error {
		if !slices.ContainsFunc(n.workers(), func(pid string) bool { return !slices.Contains(before, pid) }) {
			return errors.New("no new worker")
		}
		return nil
	})
	if err != nil {
		n.tb.Fatalf("reload nginx: %v", err)
	}
}

// workers returns the process ids of the master's children.
func (n *Nginx) workers() []string {
	pid := n.master.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		n.tb.Fatalf("workers of nginx: %v", err)
	}
	return strings.Fields(string(children))
}

// AccessLog returns what nginx has logged of requests so far.
func (n *Nginx) AccessLog() string { return n.read("access.log") }

// ErrorLog returns what nginx has complained about so far.
func (n *Nginx) ErrorLog() string { return n.read("error.log") }

func (n *Nginx) read(name string) string {
	b, err := os.ReadFile(n.file(name))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (n *Nginx) file(name string) string { return filepath.Join(n.Dir, name) }

func (n *Nginx) start() error {
	n.said = &bytes.Buffer{}
	cmd := Command("-p", n.Dir, "-e", n.file("error.log"), "-c", n.file("nginx.conf"), "-g", "daemon off;")
	cmd.Env = append(os.Environ(), n.Env...)
	cmd.Stdout, cmd.Stderr = n.said, n.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	n.master, n.exited = cmd, exited
	err := n.wait(func() error {
		conn, err := net.Dial("tcp", n.Addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		n.Kill()
		return fmt.Errorf("%w\n%s%s", err, n.said, n.ErrorLog())
	}
	return nil
}

// wait tries condition until it holds, nginx ends, or ten seconds are over.
func (n *Nginx) wait(condition func() error) error {
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-n.exited:
			return errors.New("nginx ended")
		case <-deadline.C:
			return err
		case <-tick.C:
		}
	}
}

// Command returns nginx with arguments; it also finds it where Debian keeps it, which
// is not in everybody's PATH.
func Command(args ...string) *exec.Cmd {
	name := "nginx"
	if _, err := exec.LookPath(name); err != nil {
		name = "/usr/sbin/nginx"
	}
	return exec.Command(name, args...)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
