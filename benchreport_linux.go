package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// benchReport is what a scenario of `confab bench` has found.
type benchReport struct {
	Scenario string         `json:"scenario"`
	Redis    string         `json:"redis"` // how the log was kept
	Figures  []*benchFigure `json:"figures"`
	Skipped  string         `json:"skipped,omitempty"` // why it was not run
	Failed   []string       `json:"failed,omitempty"`  // broken invariants, or why nothing could be measured; none: the run counts
}

// benchFigure is one measured number.
type benchFigure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	// Floor is what the same machine took for the least that could be done, in the same
	// run, and Ratio is Value over Floor.
	Floor float64 `json:"floor,omitempty"`
	Ratio float64 `json:"ratio,omitempty"`
	Goal  string  `json:"goal,omitempty"` // as text; nothing fails for missing it
}

// figure adds a number to the report and returns it, for a floor or a goal to be added.
func (r *benchReport) figure(name string, value float64, unit string) *benchFigure {
	f := &benchFigure{Name: name, Value: value, Unit: unit}
	r.Figures = append(r.Figures, f)
	return f
}

func (f *benchFigure) over(floor float64) *benchFigure {
	f.Floor = floor
	if floor != 0 {
		f.Ratio = f.Value / floor
	}
	return f
}

func (f *benchFigure) goal(goal string) { f.Goal = goal }

// fail notes a broken invariant.
func (r *benchReport) fail(format string, args ...any) {
	r.Failed = append(r.Failed, fmt.Sprintf(format, args...))
}

// expect fails unless got is want.
func (r *benchReport) expect(what string, got, want int64) {
	if got != want {
		r.fail("%s: %d, not %d", what, got, want)
	}
}

// writeJSON writes one object a line.
func (r *benchReport) writeJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// writeTable writes the figures for people.
func (r *benchReport) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "%s (Redis: %s)\t\t\tfloor\tratio\tgoal\n", r.Scenario, r.Redis)
	if r.Skipped != "" {
		_, _ = fmt.Fprintf(t, "  not run\t%s\n", r.Skipped)
	}
	for _, f := range r.Figures {
		floor, ratio := "", ""
		if f.Floor != 0 {
			floor, ratio = benchNumber(f.Floor), benchNumber(f.Ratio)
		}
		_, _ = fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\n", f.Name, benchNumber(f.Value), f.Unit, floor, ratio, f.Goal)
	}
	for _, failed := range r.Failed {
		_, _ = fmt.Fprintf(t, "  FAILED\t%s\n", failed)
	}
	return t.Flush()
}

// benchNumber writes four digits of a small number, and thousands apart.
func benchNumber(v float64) string {
	if v < 1000 {
		return fmt.Sprintf("%.4g", v)
	}
	s := fmt.Sprintf("%.0f", v)
	var groups []string
	for len(s) > 3 {
		groups = append([]string{s[len(s)-3:]}, groups...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, groups...), " ")
}
