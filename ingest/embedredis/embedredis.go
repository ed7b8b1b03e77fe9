// Package embedredis runs miniredis inside the process, as the Redis of the embedded
// mode. Nothing of it survives the process, it has no TCP port, and it knows only
// part of Redis's commands; DESIGN.md of package ingest says how Confab lives with that.
package embedredis

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Server is a Redis in memory. Close it after its clients.
type Server struct {
	mini *miniredis.Miniredis
	srv  *server.Server

	stop    context.CancelFunc
	stopped chan struct{}

	mu     sync.Mutex // a connection must not come while the server ends
	closed bool
}

// Start returns an empty server.
func Start() (*Server, error) {
	mini := miniredis.NewMiniRedis()
	// The first Dial starts the server without a listener.
	first, err := mini.Dial()
	if err != nil {
		return nil, fmt.Errorf("start embedded redis: %w", err)
	}
	_ = first.Close()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{mini: mini, srv: mini.Server(), stop: cancel, stopped: make(chan struct{})}
	go s.tick(ctx)
	return s, nil
}

// tick lets time pass: miniredis has no clock for its time-outs of keys (such as
// the projector's lease) but the one we turn.
func (s *Server) tick(ctx context.Context) {
	defer close(s.stopped)
	const step = time.Second
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.mini.FastForward(now.Sub(last))
			last = now
		}
	}
}

// Options returns options for a go-redis client of this server, with the time-outs
// and retries that Confab's clients have. The caller may change them.
func (s *Server) Options() *redis.Options {
	return &redis.Options{
		Addr:                     "embedded",
		Dialer:                   func(context.Context, string, string) (net.Conn, error) { return s.Dial() },
		MaxRetries:               -1,
		ContextTimeoutEnabled:    true,
		ReadTimeout:              3 * time.Second,
		WriteTimeout:             3 * time.Second,
		PoolSize:                 4 * runtime.GOMAXPROCS(0),
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Client returns a new client with Options. The caller closes it.
func (s *Server) Client() *redis.Client { return redis.NewClient(s.Options()) }

// Dial returns a new connection to the server, in memory; after Close, net.ErrClosed.
func (s *Server) Dial() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	ours, theirs := connPair()
	s.srv.ServeConn(theirs)
	return ours, nil
}

// FlushAll forgets everything, as a restart of the process would. For tests.
func (s *Server) FlushAll() { s.mini.FlushAll() }

// Close ends the server and its connections and waits until they have ended.
func (s *Server) Close() error {
	s.stop()
	<-s.stopped
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.mini.Close()
	return nil
}
