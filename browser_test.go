package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/web/ui/uitest"
)

// The browser app in real browsers, in front of real servers. The tests themselves are
// web/ui/e2e/*.e2e.ts; here are the servers, and what the tests may do to them.

var (
	browserTests = flag.String("browser.tests", "", "only the files of web/ui/e2e whose name contains this")
	browserBig   = flag.Int("browser.big", 100_000, "messages of the big room")
)

func TestBrowser_embedded(t *testing.T) {
	data := t.TempDir()
	big := bigRoom(t, data, *browserBig)
	p := startConfab(t, "embedded", "CONFAB_DATA="+data, "CONFAB_LIMITS=off").ready(t)
	browse(t, "embedded", "http://"+p.addr, []*process{p},
		"CONFAB_E2E_BIG_ROOM="+big, fmt.Sprint("CONFAB_E2E_BIG_HEAD=", *browserBig+1))
}

func TestBrowser_cluster(t *testing.T) {
	c := newCluster(t, 4, "CONFAB_DRAIN=2s")
	browse(t, "cluster", c.nginx.URL, c.nodes)
}

// browse runs the tests of a mode against the servers.
func browse(t *testing.T, mode, url string, servers []*process, env ...string) {
	t.Helper()
	chromium := cmp.Or(os.Getenv("CHROMIUM"), "/usr/bin/chromium")
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("the tests need Chromium (make setup installs it; CHROMIUM names another): %v", err)
	}
	dir, err := filepath.Abs("web/ui")
	if err != nil {
		t.Fatal(err)
	}
	profiles := t.TempDir()
	t.Cleanup(func() { endBrowsers(t, profiles) })
	control := newBrowserControl(t, servers)
	args := []string{"--config", "vitest.e2e.config.ts"}
	if *browserTests != "" {
		args = append(args, *browserTests)
	}
	uitest.Run(t, uitest.Vitest{
		Dir:  dir,
		Args: args,
		Env: append(env, "TMPDIR="+profiles, "CHROMIUM="+chromium, "CONFAB_E2E_MODE="+mode,
			"CONFAB_E2E_URL="+url, "CONFAB_E2E_CONTROL="+control.url),
		During: control.serve,
	})
	control.tellFigures(t)
}

// endBrowsers ends what is left of the browsers that keep their profile in a folder.
func endBrowsers(t *testing.T, profiles string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range processes {
		cmdline, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(cmdline), "--user-data-dir="+profiles) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(path, "/proc/%d/cmdline", &pid); err == nil {
			t.Logf("browser process %d was left over", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// bigRoom writes a public room of n messages into an embedded store.
func bigRoom(t *testing.T, data string, n int) (id string) {
	t.Helper()
	start := time.Now()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./testdata/bigroom", "-data", data, "-messages", strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	room, err := cmd.Output()
	if err != nil {
		t.Fatalf("write the big room: %v", err)
	}
	t.Logf("%d messages written in %v", n, time.Since(start).Round(time.Millisecond))
	return string(room)
}
