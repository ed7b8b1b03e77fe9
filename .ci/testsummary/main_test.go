package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		situation, input string
		wantFailed       bool
		wantLast         string
		wantHas          string
	}{
		{"one of each", `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: no such machine here\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:3: got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}`, true, "1 passed, 1 failed, 1 skipped", "got 1, want 2"},
		{"the reason of a skip is told", `
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: no such machine here\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}`, false, "1 passed, 0 failed, 1 skipped", "did not run: p TestB\n    b_test.go:3: no such machine here"},
		{"what is of interest is shown though it passed", `
{"Action":"output","Package":"p","Test":"TestShown","Output":"a table\n"}
{"Action":"pass","Package":"p","Test":"TestShown"}`, false, "1 passed, 0 failed, 0 skipped", "--- passed: p TestShown\na table"},
		{"those that took longest are named", `
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":2}
{"Action":"pass","Package":"p","Test":"TestB/part","Elapsed":61}
{"Action":"pass","Package":"p","Test":"TestB","Elapsed":61.2}
{"Action":"pass","Package":"p","Elapsed":70}`, false, "3 passed, 0 failed, 0 skipped", "slowest: TestB 61s TestA 2s\n"},
		{"a package without tests is no test", `
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"q"}`, false, "1 passed, 0 failed, 0 skipped", ""},
		{"a package that does not build", `
{"ImportPath":"q [q.test]","Action":"build-output","Output":"q.go:1: undefined: x\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"q","FailedBuild":"q [q.test]"}`, true, "1 passed, 1 failed, 0 skipped", "undefined: x"},
		{"a panic leaves a test without an end", `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: oh\n"}
{"Action":"fail","Package":"p"}`, true, "0 passed, 1 failed, 0 skipped", "panic: oh"},
		{"go itself speaks", "go: cannot find main module\n", true, "0 passed, 0 failed, 0 skipped", "cannot find main module"},
		{"nothing", "", true, "0 passed, 0 failed, 0 skipped", ""},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			var out strings.Builder
			failed, err := summarize(strings.NewReader(strings.TrimPrefix(tt.input, "\n")), &out, regexp.MustCompile("^TestShown$"))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if last := lines[len(lines)-1]; failed != tt.wantFailed || last != tt.wantLast || !strings.Contains(out.String(), tt.wantHas) {
				t.Errorf("failed %v, want %v; output:\n%s", failed, tt.wantFailed, out.String())
			}
		})
	}
}
