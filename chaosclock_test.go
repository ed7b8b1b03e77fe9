package main

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

//go:embed testdata/clock.c
var clockSource []byte

// wallClock is the time of day of one process, which can be set while it runs.
//
// It works for programs that ask the C library: redis-server and nginx. (libfaketime
// does the same, but not for a redis-server with jemalloc.) Programs in Go ask the
// kernel, and a jump of the machine's clock would hit everybody on it, so nodes,
// projectors and FerretDB keep theirs. They wait and time out by the monotonic clock;
// the time of day is for what people read, and for the end of sessions after days.
type wallClock struct{ library, file string }

// makeClock compiles a clock with the C compiler that the race detector needs, too.
func makeClock(t *testing.T) (*wallClock, error) {
	dir := t.TempDir()
	c := &wallClock{library: filepath.Join(dir, "clock.so"), file: filepath.Join(dir, "ahead")}
	source := filepath.Join(dir, "clock.c")
	if err := os.WriteFile(source, clockSource, 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", c.library, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cc: %w: %s", err, out)
	}
	return c, c.jump(0)
}

// env makes a process go by the clock.
func (c *wallClock) env() []string {
	return []string{"LD_PRELOAD=" + c.library, "CONFAB_CHAOS_CLOCK=" + c.file}
}

// jump sets the clock to ahead of the true time. The file stays the same one: the
// process has it mapped.
func (c *wallClock) jump(ahead time.Duration) error {
	f, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return binary.Write(f, binary.NativeEndian, int64(ahead/time.Second))
}

// clockJump sets a process's clock an hour ahead or back, and then right again, which
// is a jump as well.
func clockJump(t *testing.T, of string, clock *wallClock) fault {
	jump := func(ahead time.Duration) {
		if err := clock.jump(ahead); err != nil {
			t.Errorf("set the clock of %s: %v", of, err)
		}
	}
	return fault{name: "clock jumps " + of, on: of, most: 5 * time.Second,
		strike: func(random *rand.Rand) (string, func()) {
			whom, ahead := of+" +1h", time.Hour
			if random.IntN(2) == 0 {
				whom, ahead = of+" -1h", -time.Hour
			}
			jump(ahead)
			return whom, func() { jump(0) }
		}}
}
