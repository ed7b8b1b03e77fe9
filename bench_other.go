//go:build !linux

package main

import "errors"

// benchCmd, floorCmd and crowdCmd need epoll and /proc.
type (
	benchCmd struct {
		Scenarios []string `arg:"" optional:""`
	}
	floorCmd struct{}
	crowdCmd struct{}
)

var errBenchNeedsLinux = errors.New("bench: it needs Linux; a server elsewhere can be measured from there with --target")

// Run fails.
func (benchCmd) Run() error { return errBenchNeedsLinux }

// Run fails.
func (floorCmd) Run() error { return errBenchNeedsLinux }

// Run fails.
func (crowdCmd) Run() error { return errBenchNeedsLinux }
