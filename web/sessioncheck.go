package web

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"
)

const (
	sessionCheck = 30 * time.Second // with the 30 s of the cache of sessions: an ended one's connection lives at most a minute, whatever Pub/Sub loses
	sessionPage  = 500              // of connections, in one query
)

// checkSessions ends, until ctx ends, the connections whose session was ended while nobody
// told us, or expired. It looks for all of them together: looks of each connection's own were
// a fifth of an idle node's work.
func (s *Server) checkSessions(ctx context.Context) error {
	tick := time.NewTicker(sessionCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.checkAllSessions(ctx)
			s.accounts.Tidy()
		}
	}
}

func (s *Server) checkAllSessions(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			s.log.ErrorContext(ctx, "looking for ended sessions failed", slog.Any("error", s.crashed(v, debug.Stack())))
		}
	}()
	for page := range slices.Chunk(s.sockets.list(), sessionPage) {
		hashes := make([]string, len(page))
		for i, c := range page {
			hashes[i] = c.tokenHash
		}
		live, err := s.accounts.Live(ctx, hashes)
		if err != nil { // which ends nobody's connection
			if ctx.Err() == nil {
				s.log.WarnContext(ctx, "cannot look for ended sessions; trying again soon", slog.Any("error", err))
			}
			return
		}
		for _, c := range page {
			if !live[c.tokenHash] {
				c.end(closeSessionEnded, "the session has ended")
			}
		}
	}
}
