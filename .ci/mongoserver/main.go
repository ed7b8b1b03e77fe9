// Mongoserver builds the server that speaks MongoDB's protocol to the tests into the
// cache where they look for it, so that no test has to wait for that.
package main

import (
	"context"
	"fmt"
	"os"

	"confab/projector/mongodb/mongotest"
)

func main() {
	if os.Getenv(mongotest.URIVariable) != "" {
		return // the tests use the server that it names
	}
	if _, err := mongotest.Build(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "mongoserver:", err)
		os.Exit(1)
	}
}
