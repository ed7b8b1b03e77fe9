package ui_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/web/ui"
)

// node runs one of the tools in node_modules and returns what it said.
func node(t *testing.T, tool string, args ...string) (string, error) {
	t.Helper()
	dependOnSources(t)
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("the tests of the browser's side need Node 20.19 or newer: install it, or see what `make setup` says")
	}
	if _, err := os.Stat(tool); err != nil {
		t.Fatalf("web/ui/%s is not there: run `make setup`, or `npm ci` in web/ui", tool)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{tool}, args...)...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = slices.DeleteFunc(append(os.Environ(), "NO_COLOR=1"), func(v string) bool {
		return strings.HasPrefix(v, "NODE_ENV=") // each tool knows its own
	})
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// dependOnSources looks at every file that the tools read: go test keeps the result of a
// test as long as the files that the test itself looked at stay the same.
func dependOnSources(t *testing.T) {
	t.Helper()
	for _, root := range []string{".", "../frames/testdata"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && (d.Name() == "node_modules" || path == "dist") {
				return fs.SkipDir
			}
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		}))
	}
	_, _ = os.Stat("node_modules/.package-lock.json") // node says whether it is there
}

// TestUI_unit runs the tests of Vitest, each as a subtest.
func TestUI_unit(t *testing.T) {
	report := filepath.Join(t.TempDir(), "report.json")
	said, ran := node(t, "node_modules/vitest/vitest.mjs", "run", "--reporter=dot", "--reporter=json", "--outputFile.json="+report, "--testTimeout=60000")
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("Vitest wrote no report: %v\n%s", ran, said)
	}
	var r struct {
		TestResults []struct {
			Name, Status, Message string
			AssertionResults      []struct {
				FullName, Status string
				FailureMessages  []string
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &r))
	require.NotEmpty(t, r.TestResults)
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	for _, file := range r.TestResults {
		name, err := filepath.Rel(here, file.Name)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) {
			if file.Message != "" || len(file.AssertionResults) == 0 {
				t.Error("the file did not run: " + file.Message)
			}
			for _, c := range file.AssertionResults {
				t.Run(c.FullName, func(t *testing.T) {
					switch c.Status {
					case "passed":
					case "failed":
						t.Error(strings.Join(c.FailureMessages, "\n"))
					default:
						t.Skip(c.Status)
					}
				})
			}
		})
	}
	if ran != nil && !t.Failed() {
		t.Errorf("Vitest failed: %v\n%s", ran, said)
	}
}

// TestUI_distIsFresh builds the app and compares it with what is committed.
func TestUI_distIsFresh(t *testing.T) {
	built := t.TempDir()
	if said, err := node(t, "node_modules/vite/bin/vite.js", "build", "--outDir", built, "--emptyOutDir", "--logLevel", "warn"); err != nil {
		t.Fatalf("Vite could not build: %v\n%s", err, said)
	}
	committed, err := fs.Sub(ui.Dist, "dist")
	require.NoError(t, err)
	want, got := contents(t, os.DirFS(built)), contents(t, committed)
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("dist lacks %s", name)
		} else if !bytes.Equal(want[name], got[name]) {
			t.Errorf("dist has another %s", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("dist has %s, which is of no use any more", name)
		}
	}
	if t.Failed() {
		t.Error("web/ui/dist is not what its sources make: run `make ui` and commit dist")
	}
}

func contents(t *testing.T, files fs.FS) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	require.NoError(t, fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[name], err = fs.ReadFile(files, name)
		return err
	}))
	return all
}
