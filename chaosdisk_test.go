package main

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/domain/domaintest"
)

// smallDisk is a file system of its own that can be made full.
type smallDisk struct{ dir string }

// mountDisk mounts a small disk until the test ends. Where we may not mount, the folder
// is there all the same, with an error.
func mountDisk(t *testing.T) (*smallDisk, error) {
	d := &smallDisk{t.TempDir()}
	// A long run writes some ten MB of log, the rewriting of which needs room, too.
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=128m,mode=700", "confab-chaos", d.dir).CombinedOutput(); err != nil {
		return d, fmt.Errorf("mount: %w: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", d.dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", d.dir, err, out)
		}
	})
	return d, nil
}

func (d *smallDisk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no free byte.
func (d *smallDisk) fill() error {
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer f.Close()
	chunk := make([]byte, 1<<20)
	for err == nil {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// empty takes back what fill took.
func (d *smallDisk) empty() error { return os.Remove(d.ballast()) }

// diskFull leaves a process without a byte to write, and then what it had. tighten takes
// the slack out of its files; revive starts it again if it chose to die, and reports
// whether it has noticed anything.
func diskFull(t *testing.T, of string, d *smallDisk, tighten func(), revive func() (noticed bool)) fault {
	return fault{name: "disk full " + of, on: of, least: 3 * time.Second, most: 6 * time.Second,
		strike: func(*rand.Rand) (string, func()) {
			tighten()
			if err := d.fill(); err != nil {
				t.Errorf("fill the disk of %s: %v", of, err)
			}
			return of, func() {
				if err := d.empty(); err != nil {
					t.Errorf("empty the disk of %s: %v", of, err)
				}
				if !revive() {
					t.Logf("%s had nothing to write to its full disk", of)
				}
			}
		}}
}

// redisDiskFull ends a redis-server: it cannot go on without its append-only file.
func redisDiskFull(t *testing.T, server *domaintest.Redis, d *smallDisk) fault {
	return diskFull(t, "redis", d, func() {}, func() bool {
		died := server.Ended()
		if died {
			server.Restart()
		}
		return died
	})
}

// storeDiskFull hits the embedded store. The WAL is used again from its beginning when
// it is in the database, and so may have room for megabytes on a full disk: it is cut
// before.
func storeDiskFull(t *testing.T, p *process, path string, d *smallDisk) fault {
	before := 0
	cut := func() {
		before = p.log.Len()
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
		if err == nil {
			_, err = db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
			err = errors.Join(err, db.Close())
		}
		if err != nil {
			t.Errorf("cut the WAL: %v", err)
		}
	}
	return diskFull(t, "embedded", d, cut, func() bool {
		return strings.Contains(p.log.String()[before:], "disk is full")
	})
}
