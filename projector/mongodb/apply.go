package mongodb

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"confab/domain"
)

// apply writes the views of archived events, and moves each part's room to its end.
// Whatever of it was done before stays as it is: messages and keys are only inserted,
// rooms and members only replaced by newer ones.
func (s *Store) apply(ctx context.Context, parts []*part) error {
	var views views
	for _, p := range parts {
		if err := views.add(p); err != nil {
			return err
		}
	}
	// Side by side: each waits for a journal.
	g, together := errgroup.WithContext(ctx)
	g.Go(func() error { _, err := insert(together, s.messages, views.messages, false); return err })
	g.Go(func() error { _, err := insert(together, s.keys, views.keys, false); return err })
	g.Go(func() error { _, err := put(together, s.members, views.members, nil); return err })
	if err := g.Wait(); err != nil {
		return err
	}
	// Last: their seq promises that all the rest is there.
	missed, err := put(ctx, s.rooms, views.newRooms, views.rooms)
	if err == nil && missed > 0 {
		err = s.confirm(ctx, append(views.newRooms, views.rooms...))
	}
	if err != nil {
		return err
	}
	s.remember(parts)
	return nil
}

// confirm returns nil if all of the rooms are as new as these, written by somebody else. Where
// one is not, somebody has removed what we remember: it is forgotten, and ErrGap.
func (s *Store) confirm(ctx context.Context, rooms []roomDocument) error {
	for _, want := range rooms {
		doc, err := findOne[roomDocument](ctx, s.rooms, bson.D{is("_id", want.ID)})
		if err != nil && !errors.Is(err, domain.ErrNotFound) {
			return err
		}
		if doc.Seq < want.Seq {
			s.forget()
			return fmt.Errorf("room %s is at %d and no longer before %d: %w", want.ID, doc.Seq, want.Seq, domain.ErrGap)
		}
	}
	return nil
}

// views are the documents of some events.
type views struct {
	messages        []messageDocument
	keys            []keyDocument
	members         []memberDocument
	newRooms, rooms []roomDocument
}

// add folds the events of a part that are not in the views into its room.
func (v *views) add(p *part) error {
	before := p.room.Seq
	if p.events[len(p.events)-1].Seq <= before {
		return nil
	}
	p.room.Members = map[domain.UserID]domain.Member{} // those that change
	keys := map[string]bool{}
	for _, e := range p.events {
		if e.Seq <= before {
			continue
		}
		if err := p.room.Apply(e); err != nil {
			return err
		}
		if e.Kind == domain.MessagePosted {
			v.messages = append(v.messages, messageOf(e))
		}
		if id := keyID(e.Room, e.Actor.ID, e.Key); e.Key != "" && !keys[id] {
			keys[id] = true
			v.keys = append(v.keys, keyDocument{ID: id, Seq: e.Seq})
		}
	}
	for _, m := range p.room.Members {
		v.members = append(v.members, memberOf(p.room.ID, m))
	}
	p.room.Members = nil
	if doc := roomOf(p.room); before > 0 {
		v.rooms = append(v.rooms, doc)
	} else {
		v.newRooms = append(v.newRooms, doc)
	}
	return nil
}

// versioned is a document that newer ones replace.
type versioned interface{ version() (id any, seq uint64) }

func (d roomDocument) version() (any, uint64)   { return d.ID, d.Seq }
func (d memberDocument) version() (any, uint64) { return d.ID, d.Seq }

// put inserts documents that are probably new, and replaces those of them that are
// not and the others, unless what is there is as new, or there is nothing: it returns how
// many of those it missed. There is no upsert in it: two of them may race, and on some
// servers lose an update.
func put[T versioned](ctx context.Context, c *mongo.Collection, fresh, known []T) (missed int, err error) {
	duplicates, err := insert(ctx, c, fresh, false)
	if err != nil {
		return 0, err
	}
	for _, i := range duplicates {
		known = append(known, fresh[i])
	}
	if len(known) == 0 {
		return 0, nil
	}
	var writes []mongo.WriteModel
	for _, doc := range known {
		id, seq := doc.version()
		writes = append(writes, mongo.NewReplaceOneModel().
			SetFilter(bson.D{is("_id", id), is("seq", bson.D{is("$lt", seq)})}).
			SetReplacement(doc))
	}
	done, err := c.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	if err != nil {
		return 0, err
	}
	return len(writes) - int(done.MatchedCount), nil
}
