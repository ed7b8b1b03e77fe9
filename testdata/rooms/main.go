// Rooms writes rooms into an embedded store, for the tests in browsers: one of many
// messages, and those of the README's screenshots. It prints, as JSON, what one needs to
// see them. It is a program of its own because the race detector, with which the tests
// are built, makes SQLite ten times slower.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/sqlite"
)

// written is what the tests are told.
type written struct {
	Big     domain.RoomID            `json:"big"`
	BigHead int                      `json:"bigHead"`
	Rooms   map[string]domain.RoomID `json:"rooms"`  // of the sample, by name
	Tokens  map[string]string        `json:"tokens"` // of the people in it, by name
}

func main() {
	data := flag.String("data", "", "folder of the store")
	messages := flag.Int("messages", 100_000, "of the big room")
	flag.Parse()
	told, err := write(context.Background(), *data, *messages)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(told)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rooms:", err)
		os.Exit(1)
	}
}

func write(ctx context.Context, data string, messages int) (w written, err error) {
	store, err := sqlite.Open(ctx, filepath.Join(data, "confab.db"))
	if err != nil {
		return w, err
	}
	defer store.Close()
	if w.Big, err = big(ctx, store, messages); err != nil {
		return w, err
	}
	w.BigHead = messages + 1
	w.Rooms, w.Tokens, err = sample(ctx, store)
	return w, err
}

var texts = []string{
	"short",
	"a message of the usual length, as most of them are",
	"one that goes on for so long that on most screens it needs a second line, and on a phone perhaps three or four of them",
	"two\nlines",
	"with `code` and **bold** text",
	"- a\n- list\n- of things",
}

// big writes a public room whose messages begin with their seq.
func big(ctx context.Context, store domain.Store, messages int) (domain.RoomID, error) {
	history := domaintest.NewHistory("A big room", domain.Public)
	authors := []domain.User{history.Owner}
	for _, name := range []string{"Edsger", "Frances", "Linus", "Barbara"} {
		authors = append(authors, domaintest.NewUser(name))
	}
	for done := 0; done <= messages; done = len(history.Events) {
		for i := max(done, 1); i <= min(messages, done+5000); i++ {
			history.Post(authors[i/3%len(authors)], fmt.Sprintf("%d: %s", i+1, texts[i*7%len(texts)]))
		}
		if err := store.Project(ctx, history.Records(done+1, 0)); err != nil {
			return "", err
		}
	}
	return history.Room, nil
}
