package web

import "context"

// DrainSockets drains with the door still open.
func (s *Server) DrainSockets(ctx context.Context) error { return s.sockets.drain(ctx) }
