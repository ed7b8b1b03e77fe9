// Command ferretdb is the server that speaks MongoDB's protocol to our tests:
// FerretDB v1 on SQLite, in a module of its own, so that nothing of it gets into
// Confab. It authenticates nobody. ../mongotest builds and starts it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:0", "TCP `address`; port 0 picks one; empty for none")
	unix := flag.String("unix", "", "Unix `socket`; a stale one is removed")
	dir := flag.String("dir", "", "existing `folder` for the data")
	stdin := flag.Bool("stdin", false, "end when standard input ends, that is with the parent process")
	flag.Parse()
	if *dir == "" {
		return fmt.Errorf("-dir is missing")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *stdin {
		go func() { // ends with the process
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	if *unix != "" {
		_ = os.Remove(*unix)
	}
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: *listen, Unix: *unix},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + *dir + "/",
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- db.Run(ctx) }()
	fmt.Println(db.MongoDBURI()) // waits for Run to listen
	return <-ended
}
