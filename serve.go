package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/web"
)

// The parts of one process, in the order of their start. They stop in the reverse
// order, so that what clients have sent is still appended, stored and acked; but the
// listener closes right after the clients were told goodbye.
//
//	1 listen       /healthz answers; everything else says "starting"
//	2 backends     Redis (embedded or not) and the store, waited for with backoff
//	3 projector    log → store                                   (role projector)
//	4 ingest, hub  commands → log; live channels → connections   (role node)
//	5 web          takes over the listener                       (role node)
//
// See README.md for the picture of a message's way through them.

type serveCmd struct{}

// Run serves until ctx ends.
func (serveCmd) Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	cfg = cfg.inForce()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	parts := launcher{ctx: context.WithoutCancel(ctx), fail: fail}
	return endCause(ctx, serve(ctx, cfg, parts, log.With("node", cfg.Node)))
}

func serve(ctx context.Context, cfg Config, parts launcher, log *slog.Logger) error {
	collectEarlier()
	redis.SetLogger(redisLogger{log})
	front := newFront(cfg)
	stopListening, err := listen(cfg, front, parts, log)
	if err != nil {
		return err
	}
	defer stopListening()

	b, err := openBackends(ctx, cfg, front.waitsFor, log)
	if err != nil {
		return err
	}
	defer b.closeAll()

	if !cfg.embeddedRedis() {
		defer parts.start("redis", again(claimRedisEvery, b.claimRedis))()
	}
	defer parts.start("store", again(claimStoreEvery, b.claimStore))()
	if cfg.has("projector") {
		stop, err := b.startProjector(parts)
		if err != nil {
			return err
		}
		defer stop()
	}
	if cfg.has("node") {
		n, err := b.startNode(parts)
		if err != nil {
			return err
		}
		defer n.stop()
		defer stopListening()
		defer n.drain()
		front.serve(n.web)
	} else {
		front.serve(projectorHandler(b))
	}
	defer parts.start("memory", giveBack)()
	log.Info("ready")
	<-ctx.Done()
	log.Info("stopping")
	return nil
}

// endCause returns why the process ends: nil when it was told to.
func endCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// launcher runs the parts that live as long as the process. A part that ends before
// it is told to ends the process.
type launcher struct {
	ctx  context.Context //nolint:containedctx // of the process; each part's is derived from it
	fail context.CancelCauseFunc
}

// start runs a part and returns what stops it and waits for its end.
func (l launcher) start(name string, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(l.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); ctx.Err() == nil {
			if err == nil {
				err = errors.New("it ended without having been told to")
			}
			l.fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	return func() { cancel(); <-ended }
}

// listen opens the listen address, and the debug address if there is one, and serves
// front on it. It returns what shuts them down, which may be called twice.
func listen(cfg Config, front http.Handler, parts launcher, log *slog.Logger) (stop func(), err error) {
	ln, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w; choose another address with --addr", err)
	}
	log.Info("listening", "addr", ln.Addr().String(), "open", browserURL(ln.Addr()))
	stopFront := sync.OnceFunc(serveOn(ln, front, parts))
	if cfg.DebugAddr == "" {
		return stopFront, nil
	}
	debug, err := net.Listen("tcp", cfg.DebugAddr)
	if err != nil {
		stopFront()
		return nil, fmt.Errorf("listen for debugging: %w; choose another address with --debug-addr", err)
	}
	log.Info("listening for debugging", "debug_addr", debug.Addr().String())
	stopDebug := sync.OnceFunc(serveOn(debug, debugHandler(front), parts))
	return func() { stopFront(); stopDebug() }, nil
}

func serveOn(ln net.Listener, h http.Handler, parts launcher) (stop func()) {
	const headerTime = 5 * time.Second
	ln = web.DeferAccept(ln, headerTime)
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		// Nobody holds a connection by sending a body, or taking an answer, for ever. Both
		// are longer than web's limit for a request; a WebSocket sheds them at its upgrade.
		ReadTimeout:    20 * time.Second,
		WriteTimeout:   25 * time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	return parts.start("http server", func(ctx context.Context) error {
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(srv.Shutdown(ctx), closed(<-served))
	})
}

// closed is nil for the error with which a server says that it was shut down.
func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// browserURL is the address to open in a browser on this machine.
func browserURL(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}
