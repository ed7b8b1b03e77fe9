// Confab is an event-sourced chat server: a room is a gap-free sequence of events
// that every client can check and resume, after any absence and at any node.
//
// Run it without arguments for a server that needs nothing else installed; see
// README.md for the cluster.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "confab: "+err.Error())
		os.Exit(1)
	}
}
