package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/sqlite"
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
		"CONFAB_E2E_BIG_ROOM="+string(big), fmt.Sprint("CONFAB_E2E_BIG_HEAD=", *browserBig+1))
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
func bigRoom(t *testing.T, data string, n int) domain.RoomID {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(data, "confab.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	start := time.Now()
	defer func() { t.Logf("%d messages written in %v", n, time.Since(start).Round(time.Millisecond)) }()
	history := domaintest.NewHistory("big", domain.Public)
	authors := []domain.User{history.Owner}
	for _, name := range []string{"Ada", "Grace", "Linus", "Barbara"} {
		authors = append(authors, domaintest.NewUser(name))
	}
	texts := []string{"short", "a message of the usual length, as most of them are",
		"one that goes on for so long that on most screens it needs a second line, and on a phone perhaps three or four of them",
		"two\nlines", "with `code` and **bold** text", "- a\n- list\n- of things"}
	const batch = 5000
	for done := 0; done <= n; done = len(history.Events) {
		for i := done; i <= min(n, done+batch); i++ {
			if i > 0 {
				history.Post(authors[i/3%len(authors)], fmt.Sprintf("%d: %s", i, texts[i*7%len(texts)]))
			}
		}
		if err := store.Project(t.Context(), slices.Clone(history.Records(done+1, 0))); err != nil {
			t.Fatal(err)
		}
	}
	return history.Room
}
