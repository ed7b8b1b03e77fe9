package mongotest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// URIVariable names the server to test against, as a mongodb:// URI whose database is
// ignored: each test makes databases of its own there and drops them.
const URIVariable = "CONFAB_TEST_MONGO_URI"

// Server returns the URI of a new, empty database.
func Server(tb testing.TB) (uri string) { return Databases(tb)(tb) }

// Databases returns a function that returns the URI of a new, empty database at each
// call, all on one server, which lives until tb ends.
func Databases(tb testing.TB) func(testing.TB) (uri string) {
	tb.Helper()
	server := os.Getenv(URIVariable)
	if server == "" {
		server = Start(tb).URI
		tb.Logf("mongo server: FerretDB on SQLite; set %s to test against a MongoDB", URIVariable)
	} else {
		tb.Logf("mongo server: the one of %s", URIVariable)
	}
	return func(tb testing.TB) string {
		name := "confab_test_" + strings.ToLower(rand.Text()[:12])
		tb.Cleanup(func() { drop(tb, server, name) })
		return withDatabase(server, name)
	}
}

// withDatabase puts a database's name into a URI. No URL parser does: there may be
// many hosts.
func withDatabase(uri, name string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	rest, query, hasQuery := strings.Cut(rest, "?")
	hosts, _, _ := strings.Cut(rest, "/")
	uri = scheme + "://" + hosts + "/" + name
	if hasQuery {
		uri += "?" + query
	}
	return uri
}

func drop(tb testing.TB, server, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(server).SetTimeout(5 * time.Second).SetServerSelectionTimeout(5 * time.Second))
	if err == nil {
		err = client.Database(name).Drop(ctx)
		_ = client.Disconnect(ctx)
	}
	if err != nil {
		tb.Logf("drop database %s: %v", name, err)
	}
}

// Process is a FerretDB server of a test's own, for tests that kill it.
type Process struct {
	URI string // of the database "confab"; it stays the same over restarts

	tb   testing.TB
	path string
	dir  string

	mu     sync.Mutex
	addr   string
	cmd    *exec.Cmd
	exited chan struct{}
	log    bytes.Buffer
}

// Start starts a server on a free port of 127.0.0.1 with its data in a folder of the
// test. It returns when the server answers, and the server is killed when tb ends,
// or with the test process.
func Start(tb testing.TB) *Process {
	tb.Helper()
	path, err := Build(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	p := &Process{tb: tb, path: path, dir: tb.TempDir(), addr: "127.0.0.1:0"}
	tb.Cleanup(p.Kill)
	if err := p.start(); err != nil {
		tb.Fatalf("start ferretdb: %v", err)
	}
	p.URI = "mongodb://" + p.addr + "/confab"
	return p
}

// Kill ends the server with SIGKILL and returns when it is gone. Killing it again
// does nothing.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
	p.cmd = nil
}

// Restart kills the server, if it runs, and starts it on the same address and data.
func (p *Process) Restart() {
	p.tb.Helper()
	p.Kill()
	if err := p.start(); err != nil {
		p.tb.Fatalf("restart ferretdb: %v", err)
	}
}

// Pause stops the server with SIGSTOP: it keeps its connections and answers nothing.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s os.Signal) {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		p.tb.Errorf("signal %v: ferretdb does not run", s)
	} else if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Errorf("signal %v: %v", s, err)
	}
}

func (p *Process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(p.path, "-stdin", "-listen", p.addr, "-dir", p.dir)
	// The server ends when our end of this pipe closes, be it by our death.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.log.Reset()
	cmd.Stderr = &p.log
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return fmt.Errorf("it ended: %w\n%s", err, p.log.String())
	}
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		return fmt.Errorf("unexpected output %q", line)
	}
	exited := make(chan struct{})
	go func() { // ended by Kill
		defer close(exited)
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
		_ = stdin.Close()
	}()
	p.cmd, p.exited, p.addr = cmd, exited, u.Host
	return nil
}
