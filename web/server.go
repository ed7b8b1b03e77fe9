package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"confab/domain"
	"confab/web/accounts"
)

// Config is what the server is plugged into. Commands, Timeline, Views, Accounts and
// Hub are required.
type Config struct {
	Commands Commands
	Timeline domain.Timeline
	Views    domain.Views
	Accounts domain.Accounts
	Hub      Hub
	Control  Control // nil: there is no other node

	// Origins are the origins ("https://chat.example.org") whose pages may use the
	// API with a cookie and open a WebSocket, besides the server's own.
	Origins []string
	// TrustedProxies are the networks whose X-Forwarded-For and X-Forwarded-Proto
	// are believed.
	TrustedProxies []netip.Prefix
	Guests         bool // sign-in with a name only
	Limits         bool // rate and count limits are on

	Node         string // this node's name, shown in the welcome frame
	PingInterval time.Duration

	Logger   *slog.Logger                             // nil: silent
	Registry *prometheus.Registry                     // nil: one of its own
	Ready    func(ctx context.Context) []ReadyProblem // nil: always ready
	Warnings func(ctx context.Context) []ReadyProblem // nil: none
	Now      func() time.Time                         // nil: time.Now
}

// ReadyProblem is a reason why the node cannot serve at the moment, or, as a warning,
// what is wrong although it does.
type ReadyProblem struct {
	Component string `json:"component"`
	Reason    string `json:"reason"`
}

func (c Config) withDefaults() (Config, error) {
	if c.Commands == nil || c.Timeline == nil || c.Views == nil || c.Accounts == nil || c.Hub == nil {
		return c, errors.New("web: Commands, Timeline, Views, Accounts and Hub are required")
	}
	if c.PingInterval == 0 {
		c.PingInterval = 25 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) []ReadyProblem { return nil }
	}
	if c.Warnings == nil {
		c.Warnings = func(context.Context) []ReadyProblem { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// Server answers clients: REST, WebSocket and the page.
type Server struct {
	cfg      Config
	log      *slog.Logger
	origins  originPolicy
	accounts *accounts.Service
	sockets  *sockets
	metrics  *metrics
	limits   *ipLimits
	inTime   deadline
	page     page
	draining atomic.Bool
	handler  http.Handler
}

// New returns a server. It starts nothing; Run does.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Logger}
	if s.origins, err = newOriginPolicy(cfg.Origins, cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s.metrics = newMetrics(cfg.Registry)
	s.limits = newIPLimits(cfg.Limits, cfg.Now)
	s.sockets = newSockets(cfg)
	s.accounts = accounts.New(accounts.Config{
		Store: cfg.Accounts, Guests: cfg.Guests, Now: cfg.Now, Ended: s.sessionEnded,
	})
	if s.page, err = builtPage(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.handler, err = s.routes(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Run ends the connections whose session has ended, by what other nodes say and by looking
// for itself, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.followControl(ctx) })
	g.Go(func() error { return s.checkSessions(ctx) })
	return g.Wait()
}

// Drain makes /readyz answer 503, refuses new WebSockets, tells the clients of the
// open ones goodbye and closes them. It returns when all are closed or ctx ends.
// REST goes on; http.Server.Shutdown, called after it, ends that.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	return s.sockets.drain(ctx)
}
