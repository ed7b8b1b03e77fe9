package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"confab/domain"
	"confab/web/client"
)

// load is a crowd that chats and keeps count: every client sends to its room and
// follows it from the first event on, through whatever happens to the servers.
type load struct {
	servers  []string // http://host:port; each client picks one
	rooms    int
	clients  int
	messages int // of all clients together
}

// crowd is a load in action.
type crowd struct {
	load
	rooms []domain.RoomID
	chats []*chatter
	acked atomic.Int64
}

// chatter is one client and what it has seen.
type chatter struct {
	session *client.Session
	client  *client.Client
	room    domain.RoomID

	sent map[string]uint64 // key → seq of its ack
	seen []domain.Event
	dups int // acks that said "duplicate"
}

// gather signs everybody in, makes the rooms and lets everybody join one.
func (l load) gather(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{load: l, rooms: make([]domain.RoomID, l.rooms), chats: make([]*chatter, l.clients)}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c.each(t, 16, func(i int) error {
		session, err := client.Guest(ctx, l.servers[rand.IntN(len(l.servers))], fmt.Sprintf("guest %d", i))
		if err != nil {
			return err
		}
		c.chats[i] = &chatter{session: session, sent: map[string]uint64{}}
		if i < l.rooms {
			room, err := session.CreateRoom(ctx, fmt.Sprintf("room %d", i), domain.Public)
			c.rooms[i] = room.ID
			return err
		}
		return nil
	})
	c.each(t, 16, func(i int) (err error) {
		chat := c.chats[i]
		chat.room = c.rooms[i%l.rooms]
		if err := chat.session.Join(ctx, chat.room); err != nil {
			return err
		}
		chat.client, err = client.Dial(ctx, chat.session, client.Options{})
		return err
	})
	t.Cleanup(func() {
		for _, chat := range c.chats {
			chat.client.Close()
		}
	})
	return c
}

// each does f for every client, some at once.
func (c *crowd) each(t *testing.T, atOnce int, f func(i int) error) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range c.chats {
		g.Go(func() error { return f(i) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// chat lets everybody send their share and follow their room until they have seen
// all of it. during runs meanwhile; it is given the number of acks so far.
func (c *crowd) chat(t *testing.T, within time.Duration, during func(acked func() int)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var meanwhile sync.WaitGroup
	if during != nil {
		meanwhile.Go(func() { during(func() int { return int(c.acked.Load()) }) })
	}
	start := time.Now()
	var following errgroup.Group
	for _, chat := range c.chats {
		sub := chat.client.Subscribe(chat.room, domain.Cursor{})
		following.Go(func() error { return c.follow(ctx, chat, sub) })
	}
	c.each(t, len(c.chats), func(i int) error { return c.send(ctx, i) })
	sent := time.Since(start)
	if err := following.Wait(); err != nil {
		t.Fatal(err)
	}
	meanwhile.Wait()
	t.Logf("%d messages acked in %v, all seen by all in %v", c.acked.Load(), sent.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
}

// send posts the client's share: one in ten over REST through any server, the others
// over its WebSocket, and one in twenty again under the same key.
func (c *crowd) send(ctx context.Context, i int) error {
	chat := c.chats[i]
	for n := range c.messages / c.clients {
		key, body := client.NewKey(), fmt.Sprintf("message %d of client %d", n, i)
		for range 1 + n%20/19 {
			send := chat.overWebSocket
			if n%10 == 9 {
				send = c.overREST
			}
			seq, err := send(ctx, chat, key, body)
			if err != nil {
				return fmt.Errorf("client %d: send: %w", i, err)
			}
			if first, again := chat.sent[key]; again && first != seq {
				return fmt.Errorf("client %d: key %s was acked as %d and then as %d", i, key, first, seq)
			}
			chat.sent[key] = seq
		}
		c.acked.Add(1)
	}
	return nil
}

func (chat *chatter) overWebSocket(ctx context.Context, _ *chatter, key, body string) (uint64, error) {
	ack, err := chat.client.Send(ctx, chat.room, key, body)
	if ack.Duplicate {
		chat.dups++
	}
	return ack.Seq, err
}

// overREST tries until it gets an answer.
func (c *crowd) overREST(ctx context.Context, chat *chatter, key, body string) (uint64, error) {
	for {
		to := api{base: c.servers[rand.IntN(len(c.servers))], token: chat.session.Token}
		seq, err := to.post(string(chat.room), key, body)
		var refused *apiError
		if err == nil || errors.As(err, &refused) && refused.Code != "unavailable" {
			return seq, err
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// follow takes events until all messages of the room have come.
func (c *crowd) follow(ctx context.Context, chat *chatter, sub *client.Subscription) error {
	want := c.messages / c.clients * (c.clients / c.load.rooms)
	for messages := 0; messages < want; {
		e, err := sub.Next(ctx)
		if err != nil {
			return fmt.Errorf("%s saw %d of %d messages in room %s: %w", chat.session.User.Name, messages, want, chat.room, err)
		}
		if e.Seq != uint64(len(chat.seen))+1 {
			return fmt.Errorf("%s saw seq %d where %d must come", chat.session.User.Name, e.Seq, len(chat.seen)+1)
		}
		chat.seen = append(chat.seen, e)
		if e.Kind == domain.MessagePosted {
			messages++
		}
	}
	return nil
}

// check compares what everybody has seen and was acked with what is kept: archive,
// views, and a fold over the events.
func (c *crowd) check(t *testing.T, store domain.Store) {
	t.Helper()
	for _, id := range c.rooms {
		eventually(t, 30*time.Second, "the views are up to date", func() error {
			return c.upToDate(t.Context(), store, id)
		})
		events := c.archived(t, store, id)
		fold := domain.NewRoom(id)
		var messages []domain.Message
		keys := map[string]uint64{}
		for i, e := range events {
			if e.Seq != uint64(i)+1 {
				t.Fatalf("room %s: archived event %d has seq %d", id, i+1, e.Seq)
			}
			if err := fold.Apply(e); err != nil {
				t.Fatal(err)
			}
			if e.Kind != domain.MessagePosted {
				continue
			}
			messages = append(messages, domain.MessageOf(e))
			if first, twice := keys[e.Key]; twice {
				t.Errorf("room %s: key %s is in events %d and %d", id, e.Key, first, e.Seq)
			}
			keys[e.Key] = e.Seq
		}
		c.checkViews(t, store, fold, messages)
		for _, chat := range c.chats {
			if chat.room == id {
				chat.check(t, events, keys)
			}
		}
	}
}

// check compares what one client has seen and was acked with a room's events.
func (chat *chatter) check(t *testing.T, events []domain.Event, keys map[string]uint64) {
	t.Helper()
	for i, e := range chat.seen {
		if i >= len(events) || e.ID != events[i].ID || !e.SameContent(events[i]) || e.Actor != events[i].Actor {
			t.Fatalf("%s saw another event %d than the archive has", chat.session.User.Name, i+1)
		}
	}
	for key, seq := range chat.sent {
		if keys[key] != seq {
			t.Errorf("%s: key %s was acked as %d, the archive has it as %d", chat.session.User.Name, key, seq, keys[key])
		}
	}
}

func (c *crowd) upToDate(ctx context.Context, store domain.Store, id domain.RoomID) error {
	head, err := store.Head(ctx, id)
	if err != nil {
		return err
	}
	applied, err := store.Applied(ctx, id)
	if err != nil {
		return err
	}
	seen := 0
	for _, chat := range c.chats {
		if chat.room == id {
			seen = max(seen, len(chat.seen))
		}
	}
	if applied != head || head < uint64(seen) {
		return fmt.Errorf("room %s: %d seen, %d archived, %d applied", id, seen, head, applied)
	}
	return nil
}

func (c *crowd) archived(t *testing.T, store domain.Archive, id domain.RoomID) (events []domain.Event) {
	t.Helper()
	for {
		records, err := store.Range(t.Context(), id, uint64(len(events)), 5000)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range records {
			e, err := rec.Event()
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
		if len(records) < 5000 {
			return events
		}
	}
}

func (c *crowd) checkViews(t *testing.T, views domain.Views, fold *domain.Room, messages []domain.Message) {
	t.Helper()
	room, err := views.Room(t.Context(), fold.ID)
	if err != nil {
		t.Fatal(err)
	}
	if room.Name != fold.Name || room.Seq != fold.Seq || room.StateSeq != fold.StateSeq || room.Epoch != fold.Epoch || len(room.Members) != len(fold.Members) {
		t.Errorf("the view of room %s is %+v, the fold of its events %+v", fold.ID, room, fold)
	}
	for id, m := range fold.Members {
		if room.Members[id] != m {
			t.Errorf("member %s is %+v in the view, %+v by the events", id, room.Members[id], m)
		}
	}
	viewed, err := views.Messages(t.Context(), fold.ID, domain.Page{Forward: true, Limit: len(messages) + 1})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(viewed, messages) {
		t.Errorf("room %s has %d messages in the view, %d by the events, or others", fold.ID, len(viewed), len(messages))
	}
}

// checkREST compares a room's messages as REST pages them with what was seen.
func (c *crowd) checkREST(t *testing.T, room int) {
	t.Helper()
	chat := c.chats[room]
	bodies, err := api{base: c.servers[0], token: chat.session.Token}.bodies(string(chat.room))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range chat.seen {
		if e.Kind == domain.MessagePosted {
			want = append(want, e.Body)
		}
	}
	if !slices.Equal(bodies, want) {
		t.Errorf("REST pages of room %s hold %d messages, %d were seen, or others", chat.room, len(bodies), len(want))
	}
}
