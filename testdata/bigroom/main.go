// Bigroom writes a public room of many messages into an embedded store and prints its id.
// It is a program of its own because the race detector, with which the tests are built,
// makes SQLite ten times slower.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/sqlite"
)

func main() {
	data := flag.String("data", "", "folder of the store")
	messages := flag.Int("messages", 100_000, "how many")
	flag.Parse()
	room, err := write(context.Background(), *data, *messages)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bigroom:", err)
		os.Exit(1)
	}
	fmt.Print(room)
}

var texts = []string{
	"short",
	"a message of the usual length, as most of them are",
	"one that goes on for so long that on most screens it needs a second line, and on a phone perhaps three or four of them",
	"two\nlines",
	"with `code` and **bold** text",
	"- a\n- list\n- of things",
}

func write(ctx context.Context, data string, messages int) (domain.RoomID, error) {
	store, err := sqlite.Open(ctx, filepath.Join(data, "confab.db"))
	if err != nil {
		return "", err
	}
	defer store.Close()
	history := domaintest.NewHistory("A big room", domain.Public)
	authors := []domain.User{history.Owner}
	for _, name := range []string{"Ada", "Grace", "Linus", "Barbara"} {
		authors = append(authors, domaintest.NewUser(name))
	}
	for done := 0; done <= messages; done = len(history.Events) {
		for i := max(done, 1); i <= min(messages, done+5000); i++ {
			history.Post(authors[i/3%len(authors)], fmt.Sprintf("%d: %s", i+1, texts[i*7%len(texts)])) // its seq
		}
		if err := store.Project(ctx, history.Records(done+1, 0)); err != nil {
			return "", err
		}
	}
	return history.Room, nil
}
