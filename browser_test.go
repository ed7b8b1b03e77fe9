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
	browserMode  = flag.String("browser.mode", "embedded", "screenshots makes those of the README instead")
	browserBig   = flag.Int("browser.big", 100_000, "messages of the big room")
)

func TestBrowser_embedded(t *testing.T) {
	data := t.TempDir()
	rooms := writeRooms(t, data)
	p := startConfab(t, "embedded", "CONFAB_DATA="+data, "CONFAB_LIMITS=off").ready(t)
	browse(t, *browserMode, "http://"+p.addr, []*process{p}, "CONFAB_E2E_ROOMS="+rooms)
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

// writeRooms writes the big room and those of the screenshots into an embedded store,
// and returns what the tests must know of them.
func writeRooms(t *testing.T, data string) (told string) {
	t.Helper()
	start := time.Now()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./testdata/rooms", "-data", data, "-messages", strconv.Itoa(*browserBig))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("write the rooms: %v", err)
	}
	t.Logf("%d messages written in %v", *browserBig, time.Since(start).Round(time.Millisecond))
	return string(out)
}
