package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"confab/domain"
	"confab/domain/domaintest"
)

type line struct {
	ago    time.Duration
	author string
	body   string
}

// The conversations of the screenshots, the newest at the end.
var conversations = []struct {
	room       string
	visibility domain.Visibility
	lines      []line
}{
	{"design", domain.Private, []line{
		{28 * time.Hour, "Grace", "New icons are in the shared folder. The old ones go on Friday."},
		{27 * time.Hour, "Ada", "Much calmer, thank you."},
	}},
	{"coffee", domain.Public, []line{
		{3 * time.Hour, "Linus", "The machine on the second floor is alive again"},
	}},
	{"releases", domain.Public, []line{
		{26 * time.Hour, "Grace", "1.3 is on all nodes since nine. Nothing in the logs."},
		{25 * time.Hour, "Barbara", "Redis stayed below 300 MB the whole day, the trimming works as it should."},
		{47 * time.Minute, "Grace", "Plan for **1.4**:\n\n1. the browser app\n2. backups while the server runs\n3. then we look at _threads_"},
		{45 * time.Minute, "Linus", "Can we see in a client that nothing is missing? People ask me after every restart."},
		{44 * time.Minute, "Ada", "Yes. Every event of a room has a number, and there are no gaps. So a client only asks for what comes after its last one:"},
		{44*time.Minute - 20*time.Second, "Ada", "```js\nsocket.send(JSON.stringify({\n  type: \"subscribe\", room, after: cursor, // as old as you like\n}));\n```"},
		{42 * time.Minute, "Barbara", "And if number 43 comes after 41?"},
		{41 * time.Minute, "Ada", "Then the client says so, counts it, and asks again from 41. I have not seen it happen outside of the tests."},
		{40 * time.Minute, "Linus", "> a client only asks for what comes after its last one\n\nThat is the whole trick? I like it."},
		{12 * time.Minute, "Grace", "I pulled the plug in the middle of a deploy, see `make chaos`: nothing lost, nothing twice."},
		{11 * time.Minute, "Grace", "Report: https://chat.example.org/rooms/releases/43"},
	}},
}

// sample writes the conversations. Everybody in them is in all rooms, and signed in.
func sample(ctx context.Context, store domain.Store) (rooms map[string]domain.RoomID, tokens map[string]string, err error) {
	now := time.Now()
	users := map[string]domain.User{}
	rooms, tokens = map[string]domain.RoomID{}, map[string]string{}
	for _, name := range []string{"Ada", "Grace", "Linus", "Barbara"} {
		users[name] = domaintest.NewUser(name)
		tokens[name] = domain.NewID()
		sum := sha256.Sum256([]byte(tokens[name]))
		if err := store.CreateSession(ctx, domain.Session{
			ID: domain.NewID(), TokenHash: hex.EncodeToString(sum[:]), User: users[name],
			CreatedAt: domain.At(now), ExpiresAt: domain.At(now.Add(24 * time.Hour)),
		}); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range conversations {
		history := &domaintest.History{Room: domain.RoomID(domain.NewID()), Owner: users["Ada"]}
		history.Add(domain.Event{Kind: domain.RoomCreated, Actor: history.Owner, Name: c.room, Visibility: c.visibility})
		for _, name := range []string{"Grace", "Linus", "Barbara"} {
			history.Join(users[name])
		}
		for i := range history.Events {
			history.Events[i].At = domain.At(now.Add(-48 * time.Hour))
		}
		for _, l := range c.lines {
			history.Post(users[l.author], l.body)
			history.Events[len(history.Events)-1].At = domain.At(now.Add(-l.ago))
		}
		if err := store.Project(ctx, history.Records(1, 0)); err != nil {
			return nil, nil, err
		}
		rooms[c.room] = history.Room
	}
	return rooms, tokens, nil
}
