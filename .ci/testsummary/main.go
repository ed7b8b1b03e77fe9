// Testsummary reads the output of `go test -json` and prints what a person wants to
// see of it: a line per package, everything that a failed test said, and at the end
// what was skipped and why, what failed, which tests took longest, and the counts. Of the
// tests that -show names it prints what they said even if they passed. It exits with 1
// when something failed or nothing ran.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	show := flag.String("show", "^$", "regular expression of tests whose output is of interest")
	flag.Parse()
	shown, err := regexp.Compile(*show)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsummary: -show:", err)
		os.Exit(2)
	}
	failed, err := summarize(os.Stdin, os.Stdout, shown)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsummary:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// event is a line of test2json (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	Test        string
	Output      string
	FailedBuild string
	Elapsed     float64
}

type test struct{ pkg, name string }

type result struct {
	output strings.Builder
	action string  // "" while it runs
	took   float64 // seconds
}

// summarize reports whether something failed, nothing ran, or a test never ended.
func summarize(r io.Reader, w io.Writer, shown *regexp.Regexp) (bool, error) {
	results := map[test]*result{}
	builds := map[string]*strings.Builder{}
	lines := bufio.NewReader(r) // a Scanner has a longest line
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF && line == "" {
			break
		}
		if err != nil && err != io.EOF {
			return true, fmt.Errorf("read: %w", err)
		}
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			fmt.Fprint(w, line) // go itself has something to say
			continue
		}
		if e.Action == "build-output" {
			if builds[e.ImportPath] == nil {
				builds[e.ImportPath] = &strings.Builder{}
			}
			builds[e.ImportPath].WriteString(e.Output)
			continue
		}
		if e.Package == "" {
			continue
		}
		id := test{e.Package, e.Test}
		if results[id] == nil {
			results[id] = &result{}
		}
		got := results[id]
		switch e.Action {
		case "output":
			got.output.WriteString(e.Output)
		case "pass", "fail", "skip":
			got.action, got.took = e.Action, e.Elapsed
			if e.Test == "" {
				fmt.Fprintf(w, "%-4s %s (%.1fs)\n", e.Action, e.Package, e.Elapsed)
				if build := builds[e.FailedBuild]; build != nil {
					fmt.Fprint(w, build)
				}
			}
		}
	}
	return report(results, w, shown), nil
}

func report(results map[test]*result, w io.Writer, shown *regexp.Regexp) (failed bool) {
	ids := slices.SortedFunc(maps.Keys(results), func(a, b test) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name))
	})
	counts := map[string]int{}
	failedIn := map[string]bool{} // packages with a failed test
	for _, id := range ids {
		got := results[id]
		if id.name == "" {
			continue
		}
		if got.action == "" {
			got.action = "fail" // a panic or a time-out ended the process
		}
		counts[got.action]++
		switch got.action {
		case "fail":
			failedIn[id.pkg] = true
			fmt.Fprintf(w, "\n--- failed: %s %s\n%s", id.pkg, id.name, got.output.String())
		case "skip":
			fmt.Fprintf(w, "\n--- did not run: %s %s\n%s", id.pkg, id.name, reason(got.output.String()))
		case "pass":
			if shown.MatchString(id.name) {
				fmt.Fprintf(w, "\n--- passed: %s %s\n%s", id.pkg, id.name, got.output.String())
			}
		}
	}
	for _, id := range ids {
		// A package may fail without any of its tests: it does not build, TestMain
		// failed, a goroutine panicked.
		if got := results[id]; id.name == "" && got.action != "pass" && got.action != "skip" && !failedIn[id.pkg] {
			counts["fail"]++
			fmt.Fprintf(w, "\n--- failed: %s\n%s", id.pkg, got.output.String())
		}
	}
	tellSlowest(w, ids, results)
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", counts["pass"], counts["fail"], counts["skip"])
	return counts["fail"] > 0 || counts["pass"] == 0
}

// tellSlowest names the tests, without their parts, that took longest.
func tellSlowest(w io.Writer, ids []test, results map[test]*result) {
	ids = slices.DeleteFunc(ids, func(id test) bool { return id.name == "" || strings.Contains(id.name, "/") })
	slices.SortStableFunc(ids, func(a, b test) int { return cmp.Compare(results[b].took, results[a].took) })
	fmt.Fprint(w, "\nslowest:")
	for _, id := range ids[:min(20, len(ids))] {
		fmt.Fprintf(w, " %s %.0fs", id.name, results[id].took)
	}
	fmt.Fprintln(w)
}

// reason drops the lines of go test about the test from its output.
func reason(output string) string {
	var kept strings.Builder
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(strings.TrimSpace(line), "--- SKIP") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
