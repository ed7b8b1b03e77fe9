package web

import (
	"context"
	"io/fs"
)

// DrainSockets drains with the door still open.
func (s *Server) DrainSockets(ctx context.Context) error { return s.sockets.drain(ctx) }

// CheckPage reports what keeps files from being served as the page.
func CheckPage(files fs.FS) error {
	_, err := newPage(files)
	return err
}
