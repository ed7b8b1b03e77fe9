// Command build builds the server that mongotest starts, unless the cache has it, and
// prints its path: `go run ./projector/mongodb/mongotest/build`.
package main

import (
	"context"
	"fmt"
	"os"

	"confab/projector/mongodb/mongotest"
)

func main() {
	path, err := mongotest.Build(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}
