package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// What a running confab tells about itself, and what the kernel tells about it.

const mib = 1 << 20

// metric returns the sum of a metric's series, of those that hold all of the labels
// (`code="4008"`). A metric that is not there is 0.
func (p *process) metric(t testing.TB, name string, labels ...string) (sum float64) {
	t.Helper()
	resp, err := http.Get("http://" + p.addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
lines:
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		of, labelled, _ := strings.Cut(series, "{")
		if of != name {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(labelled, label) {
				continue lines
			}
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("metric %s: %v", series, err)
		}
		sum += v
	}
	return sum
}

// memory returns the process's resident bytes, now and at most since forgetPeak.
func (p *process) memory(t testing.TB) (now, peak int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kib := map[string]int{}
	for line := range strings.Lines(string(status)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.HasSuffix(value, "kB\n") {
			kib[name], _ = strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(value, "kB\n")))
		}
	}
	return kib["VmRSS"] << 10, kib["VmHWM"] << 10
}

// forgetPeak makes the peak count from now on.
func (p *process) forgetPeak(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// openFiles returns how many descriptors the process holds.
func (p *process) openFiles(t testing.TB) int {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}
