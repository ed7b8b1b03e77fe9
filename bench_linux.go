package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// benchCmd measures. What a scenario measures and what must hold meanwhile stands at its
// entry in benchScenarios; README.md says how to read the figures.
type benchCmd struct {
	Scenarios []string `arg:"" optional:"" help:"Scenarios to run; none: all of them. See --list."`

	List    bool          `help:"List the scenarios."`
	JSON    bool          `name:"json" help:"One JSON object for each scenario instead of tables."`
	Scale   float64       `default:"1" help:"Share of the clients and of the stored events, for a shorter run: 0.1."`
	Time    time.Duration `default:"10s" help:"How long each load lasts."`
	Log     string        `name:"appendonly" enum:"no,always,embedded" default:"no" help:"How the Redis of a server of its own keeps the log: no (in memory only), always (fsync before every answer), embedded (no Redis at all)."`
	Target  string        `name:"target" help:"host:port of a running server, with CONFAB_LIMITS=off and guests, to measure instead of one of its own."`
	PIDs    []int         `name:"pid" help:"Processes of the running server on this machine, for its processor time and memory."`
	Profile string        `type:"path" help:"Folder for a CPU profile of the server of its own during each load."`

	mongo Secret // the store of several nodes; one has SQLite
}

// Validate refuses what would measure nothing.
func (c benchCmd) Validate() error {
	if c.Scale <= 0 || c.Scale > 1 {
		return fmt.Errorf("scale: %v is not a share; give more than 0 and at most 1", c.Scale)
	}
	if c.Time < 100*time.Millisecond {
		return fmt.Errorf("time: %v is too short; give at least 100ms", c.Time)
	}
	return nil
}

// benchScenario is a named measurement with an invariant of its own.
type benchScenario struct {
	name string
	help string
	own  bool                  // works only with servers of its own
	need func(benchCmd) string // what is missing for it; nil: nothing ever
	run  func(context.Context, *bench) error
}

var benchScenarios = []benchScenario{
	{name: "fanout", run: benchFanout, help: "1 room of 1,000, more and more messages a second, until the 99th percentile of delivery passes 60 ms twice"},
	{name: "cost", run: benchCost, help: "1 room of 1,000, 50 messages/s: the server's processor time for each delivery"},
	{name: "append", run: benchAppend, help: "1,000 rooms of 1: messages logged and acked, at 30,000/s offered and at more than can be carried"},
	{name: "latency", run: benchLatency, help: "1,000 rooms of 10, 200 messages/s: from sending to delivery"},
	{name: "idle", run: benchIdle, help: "10,000 connections, each in a room and pinged: the server's memory for each"},
	{name: "crowd", own: true, need: needsMongo, run: benchCrowd, help: "60,000 connections through NGINX to 4 nodes, a message for each"},
	{name: "storm", run: benchStorm, help: "10,000 clients in rooms of 100 are cut at once, and come back for 100 events each"},
	{name: "depth", own: true, run: benchDepth, help: "coming back for 10, 10,000 and 1,000,000 events"},
	{name: "project", own: true, run: benchProject, help: "the projector: events/s beside a plain bulk insert, lag at 10,000 messages/s"},
	{name: "history", own: true, run: benchHistory, help: "a page of 50 in rooms of 1,000, 100,000 and 1,000,000 messages"},
	{name: "start", own: true, run: benchStart, help: "from start to ready with 0 and with 1,000,000 stored events"},
	{name: "redis", own: true, need: needsRedis, run: benchRedis, help: "bytes in Redis for each event, commands and round trips for each message"},
}

// bench is what a scenario works with.
type bench struct {
	*benchReport
	cmd    benchCmd
	server *benchServer // nil where the scenario starts its own
}

// scaled is the asked share of n.
func (b *bench) scaled(n int) int { return max(1, int(float64(n)*b.cmd.Scale)) }

// Run runs the scenarios one after the other. It fails when an invariant was broken; a
// missed goal is no failure.
func (c benchCmd) Run(ctx context.Context, cfg Config, stdout io.Writer) error {
	c.mongo = cfg.MongoURI
	if c.List {
		return listBench(stdout)
	}
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	// The clients of set-up are many, too.
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = benchAtOnce
	var failed []string
	for _, s := range chosen {
		report, err := c.one(ctx, s)
		if err != nil {
			report.fail("could not be measured: %v", err)
		}
		if len(report.Failed) > 0 {
			failed = append(failed, s.name)
		}
		write := report.writeTable
		if c.JSON {
			write = report.writeJSON
		}
		if err := write(stdout); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("bench: %s failed, for what is said above", strings.Join(failed, ", "))
	}
	return nil
}

func (c benchCmd) chosen() ([]benchScenario, error) {
	if len(c.Scenarios) == 0 {
		return benchScenarios, nil
	}
	var chosen []benchScenario
	for _, name := range c.Scenarios {
		i := slices.IndexFunc(benchScenarios, func(s benchScenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("bench: there is no scenario %q; confab bench --list lists them", name)
		}
		if missing := c.missing(benchScenarios[i]); missing != "" {
			return nil, fmt.Errorf("bench: %s cannot run: %s", name, missing)
		}
		chosen = append(chosen, benchScenarios[i])
	}
	return chosen, nil
}

// missing says why a scenario cannot run, or "".
func (c benchCmd) missing(s benchScenario) string {
	if s.own && c.Target != "" {
		return "it works only with a server of its own; leave --target out"
	}
	if s.need != nil {
		return s.need(c)
	}
	return ""
}

func needsMongo(c benchCmd) string {
	if c.mongo == "" {
		return "several nodes need a store that they share; give a MongoDB with --mongo-uri"
	}
	return ""
}

func needsRedis(c benchCmd) string {
	if c.Log == "embedded" {
		return "it looks into a Redis; leave --appendonly=embedded out"
	}
	return ""
}

func (c benchCmd) one(ctx context.Context, s benchScenario) (*benchReport, error) {
	b := &bench{benchReport: &benchReport{Scenario: s.name, Redis: c.Log}, cmd: c}
	if c.Target != "" {
		b.Redis = "of the running server"
	}
	if b.Skipped = c.missing(s); b.Skipped != "" {
		return b.benchReport, nil
	}
	if !s.own {
		server, err := c.server(ctx)
		if err != nil {
			return b.benchReport, err
		}
		defer server.stop()
		b.server = server
	}
	err := s.run(ctx, b)
	if err != nil && b.server != nil {
		err = errors.Join(err, b.server.complaints())
	}
	return b.benchReport, err
}

func listBench(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range benchScenarios {
		_, _ = fmt.Fprintf(t, "%s\t%s\n", s.name, s.help)
	}
	return t.Flush()
}
