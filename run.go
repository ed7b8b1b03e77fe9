package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// commands is the command line. Its settings are flags of every command.
type commands struct {
	Config `embed:""`

	Serve      serveCmd   `cmd:"" default:"1" help:"Run the roles of this process (the default)."`
	ShowConfig configCmd  `cmd:"" name:"config" help:"Print the settings in force, secrets redacted."`
	Rebuild    rebuildCmd `cmd:"" help:"Make the views of the history again from the archive. Stop the projectors first, or let it wait for them."`
	Poison     poisonCmd  `cmd:"" help:"Look after entries of the log that could not be read and were set aside."`
	Bench      benchCmd   `cmd:"" help:"Measure a server, its own or a running one, and check what it delivers meanwhile. Linux only."`
	BenchFloor floorCmd   `cmd:"" hidden:""`
	BenchCrowd crowdCmd   `cmd:"" hidden:""`
	Health     healthCmd  `cmd:"" help:"Ask the server at the listen address whether it is alive; for container health checks."`
}

// errHelp ends run after the usage was printed.
var errHelp = errors.New("help was printed")

// run is the program: it returns when ctx ends and everything has stopped, or with
// the first error. environ is as from os.Environ.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) (err error) {
	var cmds commands
	env, err := environment(environ)
	if err != nil {
		return err
	}
	helped := false
	parser, err := kong.New(&cmds,
		kong.Name("confab"),
		kong.Description("Event-sourced chat: every room a gap-free sequence. Each flag --some-name may be given as CONFAB_SOME_NAME, too."),
		kong.Resolvers(env),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true; panic(errHelp) }), // kong wants to exit after --help
	)
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	defer func() {
		if r := recover(); r != nil {
			if !helped {
				panic(r)
			}
			err = nil
		}
	}()
	if err := env.checkNames(parser); err != nil {
		return err
	}
	command, err := parser.Parse(twoDashes(args)) // calls Config.Validate, too
	if err != nil {
		return fmt.Errorf("%w; confab --help lists what there is", err)
	}
	log, err := newLogger(cmds.Log, stderr)
	if err != nil {
		return err
	}
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(stdout, (*io.Writer)(nil))
	command.Bind(cmds.Config, log)
	return command.Run()
}

// twoDashes lets flags begin with one dash, too, as Go's own tools do; only -h is short.
func twoDashes(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' && (arg[1] < '0' || arg[1] > '9') {
			args[i] = "-" + arg
		}
	}
	return args
}

type configCmd struct{}

// Run prints the settings in the form of an environment file.
func (configCmd) Run(cfg Config, stdout io.Writer) error {
	_, err := io.WriteString(stdout, cfg.inForce().Redacted())
	return err
}

type healthCmd struct{}

// Run succeeds when /healthz answers 200.
func (healthCmd) Run(ctx context.Context, cfg Config) error {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", resp.Status)
	}
	return nil
}

// newLogger makes the logger that setting describes: a level and a format, in any
// order, separated by a comma.
func newLogger(setting string, w io.Writer) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{}
	format := "text"
	for _, word := range strings.Split(setting, ",") {
		switch word = strings.TrimSpace(word); word {
		case "text", "json":
			format = word
		default:
			var level slog.Level
			if err := level.UnmarshalText([]byte(word)); err != nil {
				return nil, fmt.Errorf("log: %q is neither a level (debug, info, warn, error) nor a format (text, json)", word)
			}
			opts.Level = level
		}
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return slog.New(slog.NewTextHandler(w, opts)), nil
}
