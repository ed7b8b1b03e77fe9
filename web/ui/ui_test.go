package ui_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/web/ui"
	"confab/web/ui/uitest"
)

// TestUI_unit runs the tests of Vitest, each as a subtest.
func TestUI_unit(t *testing.T) {
	uitest.Run(t, uitest.Vitest{Dir: here(t), Args: []string{"--testTimeout=60000"}})
}

func here(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	require.NoError(t, err)
	return dir
}

// TestUI_distIsFresh builds the app and compares it with what is committed.
func TestUI_distIsFresh(t *testing.T) {
	built := t.TempDir()
	vite := uitest.Node(t, here(t), "vite/bin/vite.js", "build", "--outDir", built, "--emptyOutDir", "--logLevel", "warn")
	if said, err := vite.CombinedOutput(); err != nil {
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
