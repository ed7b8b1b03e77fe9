//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/projector/mongodb/mongotest"
)

// confabBench runs `confab bench` with args and returns its reports.
func confabBench(t *testing.T, args ...string) (reports []benchReport, err error) {
	t.Helper()
	binary, err := buildPlain()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"bench", "--json"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		var r benchReport
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		reports = append(reports, r)
	}
	t.Logf("%s%s", out, &said)
	return reports, err
}

// Every scenario runs, small, on the program that is shipped. How long things take is
// nobody's business here.
func TestBench_everyInvariantHolds(t *testing.T) {
	for _, s := range benchScenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			args := []string{s.name, "--scale=0.01", "--time=300ms"}
			if s.need != nil && s.need(benchCmd{}) != "" {
				args = append(args, "--mongo-uri="+mongotest.Start(t).URI)
			}
			reports, err := confabBench(t, args...)
			require.NoError(t, err)
			require.Len(t, reports, 1)
			assert.Equal(t, s.name, reports[0].Scenario)
			assert.Empty(t, reports[0].Failed)
			assert.NotEmpty(t, reports[0].Figures)
		})
	}
}

// What goes wrong at a running server is told, and ends the bench with an error.
func TestBench_failsForWhatAServerRefuses(t *testing.T) {
	p := startPlainConfab(t, "limited", "CONFAB_DATA="+t.TempDir()).ready(t)
	reports, err := confabBench(t, "fanout", "--scale=0.01", "--time=2s", "--target", p.addr)
	require.Error(t, err)
	require.Len(t, reports, 1)
	assert.Contains(t, strings.Join(reports[0].Failed, ""), "rate_limited")
}

// A server of its own has nothing to do with what the shell is set up for.
func TestBench_inheritsNoSettings(t *testing.T) {
	t.Setenv("CONFAB_REDIS_URL", "redis://127.0.0.1:1")
	t.Setenv("CONFAB_MONGO_URI", "mongodb://127.0.0.1:1/confab")
	_, err := confabBench(t, "cost", "--scale=0.01", "--time=300ms", "--appendonly=embedded")
	require.NoError(t, err)
}

// Of a running server it tells what can be seen from outside.
func TestBench_measuresARunningServer(t *testing.T) {
	p := startPlainConfab(t, "running", "CONFAB_DATA="+t.TempDir(), "CONFAB_LIMITS=off", "CONFAB_PING=5s").ready(t)
	reports, err := confabBench(t, "idle", "cost", "--scale=0.01", "--time=300ms", "--target", p.addr)
	require.NoError(t, err)
	require.Len(t, reports, 2)
	for _, r := range reports {
		for _, f := range r.Figures {
			assert.NotContains(t, f.Name, "server", "nobody told its process")
		}
	}
}

func TestBench_refusesWhatItCannotRun(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"nope"}, "--list"},
		{[]string{"crowd"}, "--mongo-uri"},
		{[]string{"cost", "--scale=0"}, "at most 1"},
		{[]string{"cost", "--time=-1s"}, "at least 100ms"},
		{[]string{"start", "--target", "localhost:1"}, "--target"},
		{[]string{"redis", "--appendonly=embedded"}, "--appendonly"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"bench"}, tt.args...), nil, &out, &out)
		assert.ErrorContains(t, err, tt.want)
	}
}

func TestBench_lists(t *testing.T) {
	for _, flag := range []string{"--list", "-list"} {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{"bench", flag}, nil, &out, &out))
		for _, s := range benchScenarios {
			assert.Contains(t, out.String(), s.name)
		}
	}
}
