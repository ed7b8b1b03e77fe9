// Package mongotest gives tests a server that speaks MongoDB's protocol: the real
// one that CONFAB_TEST_MONGO_URI names, else FerretDB, built once into a cache.
package mongotest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Build returns the path of the FerretDB server, ../ferretdb. It is kept in
// ${XDG_CACHE_HOME:-$HOME/.cache}/confab, under a name that changes with its source;
// building it the first time takes a minute or two. Processes that build it at the
// same time wait for each other.
func Build(ctx context.Context) (string, error) {
	source, err := sourceDir(ctx)
	if err != nil {
		return "", fmt.Errorf("build ferretdb: %w", err)
	}
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("build ferretdb: %w", err)
		}
		hash.Write(text)
	}
	cache, err := cacheDir()
	if err != nil {
		return "", fmt.Errorf("build ferretdb: %w", err)
	}
	path := filepath.Join(cache, "ferretdb-"+hex.EncodeToString(hash.Sum(nil)[:8]))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := build(ctx, source, path); err != nil {
		return "", fmt.Errorf("build ferretdb: %w", err)
	}
	return path, nil
}

func build(ctx context.Context, source, path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		return nil // somebody else built it meanwhile
	}
	// Renamed when complete, so that nobody ever starts half a program.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "ferretdb_no_postgresql", "-o", path+".new", ".")
	cmd.Dir = source
	// The race detector and coverage of the test that asks are no concern of the server's.
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return os.Rename(path+".new", path)
}

// sourceDir finds ../ferretdb from any package of the module.
func sourceDir(ctx context.Context) (string, error) {
	gomod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(gomod))), "projector", "mongodb", "ferretdb"), nil
}

func cacheDir() (string, error) {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "confab"), nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".cache", "confab"), err
}
