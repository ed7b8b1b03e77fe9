package web

import (
	"context"
	"net/http"
)

// STUB, to be replaced by the WebSocket's author. Of use: s.authenticate(r) (caller:
// Session incl. ExpiresAt, token to re-check with s.accounts.Authenticate), s.origins.allows(r),
// s.fail(w, r, err), s.shown(ctx, err), closeCodeOf(code), s.draining, metrics.go.
type sockets struct{}

func newSockets(Config) *sockets { return &sockets{} }

// endSession closes the session's connections with 4001. It does not block.
func (*sockets) endSession(string) {}

// drain tells all goodbye, closes them, and returns when they are closed or ctx ends.
func (*sockets) drain(context.Context) error { return nil }

func (s *Server) serveWS(w http.ResponseWriter, r *http.Request) { s.notFound(w, r) }

func (s *Server) page() http.Handler { return http.HandlerFunc(s.notFound) }
