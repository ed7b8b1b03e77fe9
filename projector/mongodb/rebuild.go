package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"confab/domain"
)

// Rebuild implements domain.Projection. When it breaks off, do it again: until then
// the views of rooms that it did not reach are missing.
func (s *Store) Rebuild(ctx context.Context) error {
	return storeError("rebuild views", s.rebuild(ctx))
}

func (s *Store) rebuild(ctx context.Context) error {
	if err := s.ensure(ctx); err != nil {
		return err
	}
	s.forget()
	if err := s.setRebuilding(ctx, true); err != nil {
		return err
	}
	// The rooms first: without them, nothing claims that the rest is complete. Keys stay, which
	// never change, and only those that are missing are added: a node that does not find a key
	// takes the command for a new one.
	for _, view := range []*mongo.Collection{s.rooms, s.members, s.messages} {
		if err := view.Drop(ctx); err != nil {
			return err
		}
		if err := createIndexes(ctx, view, s.indexes()[view]); err != nil {
			return err
		}
	}
	const page = 1000
	var last string
	current := map[domain.RoomID]domain.Room{} // the one that the last page ended in
	for {
		records, err := s.findEvents(ctx, bson.D{above("_id", last)}, page)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return s.setRebuilding(ctx, false)
		}
		parts, err := split(records)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if room, ok := current[p.room.ID]; ok {
				p.room = room
			}
		}
		if err := s.apply(ctx, parts); err != nil {
			return err
		}
		end := parts[len(parts)-1].room
		current = map[domain.RoomID]domain.Room{end.ID: end}
		last = position(end.ID, end.Seq)
	}
}

// setRebuilding says whether rooms may be missing in the views.
func (s *Store) setRebuilding(ctx context.Context, rebuilding bool) error {
	if _, err := s.ID(ctx); err != nil { // makes the document
		return err
	}
	_, err := s.history.UpdateOne(ctx, bson.D{is("_id", theHistory)}, bson.D{is("$set", bson.D{is("rebuilding", rebuilding)})})
	return err
}

// complete fails while rooms may be missing in the views.
func (s *Store) complete(ctx context.Context) error {
	doc, err := findOne[historyDocument](ctx, s.history, bson.D{is("_id", theHistory)})
	if err == nil && doc.Rebuilding {
		err = domain.Unavailable("the list of rooms", errors.New("it is being made again; if no 'confab rebuild' is at work, one broke off: run it again"))
	}
	if errors.Is(err, domain.ErrNotFound) {
		err = nil
	}
	return err
}
