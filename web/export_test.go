package web

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"confab/web/uring"
)

// WithoutRing makes servers behave as where the kernel gives them none.
func WithoutRing(t *testing.T) {
	makeRing = func(int) (*uring.Ring, error) { return nil, errors.ErrUnsupported }
	t.Cleanup(func() { makeRing = uring.New })
}

// DrainSockets drains with the door still open.
func (s *Server) DrainSockets(ctx context.Context) error { return s.sockets.drain(ctx) }

// CheckPage reports what keeps files from being served as the page.
func CheckPage(files fs.FS) error {
	_, err := newPage(files)
	return err
}
