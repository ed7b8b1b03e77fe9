// Package uitest makes tests that Vitest runs subtests of a Go test, so that they are
// counted and shown like all others. Node and the packages of web/ui have to be there: what
// is missing fails a test, nothing is skipped for want of it.
package uitest

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Vitest is a run of Vitest in a folder with a package.json, whose packages are installed.
type Vitest struct {
	Dir  string
	Args []string // of `vitest run`
	Env  []string // besides our own
	// During, if any, runs meanwhile, in the test's goroutine, until done is closed.
	During func(done <-chan struct{})
}

// report is what Vitest's JSON reporter writes; it is Jest's.
type report struct {
	TestResults []struct {
		Name             string
		Status           string
		Message          string
		AssertionResults []struct {
			AncestorTitles  []string
			Title           string
			Status          string
			Duration        float64 // milliseconds
			FailureMessages []string
		}
	}
}

// Run returns when the tests have ended, each a subtest below its file's.
func Run(t *testing.T, v Vitest) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "report.json")
	args := append([]string{"run", "--reporter=json", "--outputFile=" + out, "--reporter=default"}, v.Args...)
	cmd := Node(t, v.Dir, "vitest/vitest.mjs", args...)
	cmd.Env = append(cmd.Env, v.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers end with it
	said := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = 10 * time.Second // for what holds its output open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ended error
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // after a failure in the middle
		<-done
	})
	if v.During != nil {
		v.During(done)
	}
	<-done
	content, err := os.ReadFile(out)
	var r report
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	if err != nil {
		t.Fatalf("vitest wrote no report (%v, %v):\n%s", ended, err, said)
	}
	r.tell(t, v.Dir)
	if ended != nil && !t.Failed() {
		t.Errorf("vitest ended with %v:\n%s", ended, said)
	}
}

// Node is a tool of those in dir/node_modules with its arguments, not started yet.
func Node(t *testing.T, dir, tool string, args ...string) *exec.Cmd {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("the tests of the browser's side need Node 20.19 or newer (see what make setup says): %v", err)
	}
	tool = filepath.Join(dir, "node_modules", tool)
	if _, err := os.Stat(tool); err != nil {
		t.Fatalf("its packages are not installed (make setup does it, or npm ci in %s): %v", dir, err)
	}
	dependOnSources(t, dir)
	cmd := exec.Command(node, append([]string{tool}, args...)...)
	cmd.Dir = dir
	cmd.Env = slices.DeleteFunc(append(os.Environ(), "CI=1", "NO_COLOR=1"), func(v string) bool {
		return strings.HasPrefix(v, "NODE_ENV=") // each tool knows its own
	})
	return cmd
}

// dependOnSources looks at every file that the tools may read: go test keeps the result of
// a test as long as the files that the test itself looked at stay the same.
func dependOnSources(t *testing.T, dir string) {
	t.Helper()
	for _, root := range []string{dir, filepath.Join(dir, "..", "frames", "testdata")} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && slices.Contains([]string{"node_modules", "dist", "out"}, d.Name()) {
				return fs.SkipDir
			}
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (r *report) tell(t *testing.T, dir string) {
	t.Helper()
	if len(r.TestResults) == 0 {
		t.Error("vitest found no tests")
	}
	for _, file := range r.TestResults {
		name, err := filepath.Rel(dir, file.Name)
		if err != nil || strings.HasPrefix(name, "..") {
			name = file.Name
		}
		t.Run(name, func(t *testing.T) {
			for _, a := range file.AssertionResults {
				t.Run(strings.Join(append(a.AncestorTitles, a.Title), ": "), func(t *testing.T) {
					t.Logf("took %v", (time.Duration(a.Duration) * time.Millisecond))
					switch a.Status {
					case "passed":
					case "failed":
						t.Error(withoutPackages(strings.Join(a.FailureMessages, "\n")))
					default:
						t.Errorf("did not run: %s", a.Status) // skipped, todo, pending
					}
				})
			}
			if file.Status != "passed" && !t.Failed() {
				t.Errorf("%s: %s", file.Status, file.Message)
			}
		})
	}
}

// withoutPackages drops the lines of a stack that lead through other people's code.
func withoutPackages(stack string) string {
	var own strings.Builder
	for line := range strings.Lines(stack) {
		if !strings.Contains(line, "/node_modules/") {
			own.WriteString(line)
		}
	}
	return own.String()
}
