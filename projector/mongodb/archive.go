package mongodb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"confab/domain"
)

// Head implements domain.Archive.
func (s *Store) Head(ctx context.Context, room domain.RoomID) (uint64, error) {
	docs, err := find[eventDocument](ctx, s.events, ofRoom(room), bson.D{is("_id", -1)}, 1)
	if err != nil || len(docs) == 0 {
		return 0, storeError("read head", err)
	}
	rec, err := docs[0].record()
	return rec.Seq, storeError("read head", err)
}

// Range implements domain.Archive.
func (s *Store) Range(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	filter := bson.D{is("_id", bson.D{is("$gt", position(room, after)), is("$lte", position(room, math.MaxUint64))})}
	records, err := s.findEvents(ctx, filter, limit)
	return records, storeError("read events", err)
}

// FindKey implements domain.Archive.
func (s *Store) FindKey(ctx context.Context, room domain.RoomID, user domain.UserID, key string) (domain.Record, error) {
	found, err := findOne[keyDocument](ctx, s.keys, bson.D{is("_id", keyID(room, user, key))})
	if err != nil {
		return domain.Record{}, notFoundOr("find key", err)
	}
	event, err := findOne[eventDocument](ctx, s.events, bson.D{is("_id", position(room, found.Seq))})
	if err != nil {
		return domain.Record{}, notFoundOr("find key", err)
	}
	rec, err := event.record()
	return rec, storeError("find key", err)
}

func (s *Store) findEvents(ctx context.Context, filter bson.D, limit int) ([]domain.Record, error) {
	docs, err := find[eventDocument](ctx, s.events, filter, bson.D{is("_id", 1)}, limit)
	if err != nil {
		return nil, err
	}
	var records []domain.Record
	for _, doc := range docs {
		rec, err := doc.record()
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	return records, nil
}

// record reads the position from the _id: "<room>:<20 digits>".
func (d eventDocument) record() (domain.Record, error) {
	at := len(d.ID) - 21
	if at < 0 || d.ID[at] != ':' {
		return domain.Record{}, fmt.Errorf("event document has the _id %q", d.ID)
	}
	seq, err := strconv.ParseUint(d.ID[at+1:], 10, 64)
	if err != nil {
		return domain.Record{}, fmt.Errorf("event document has the _id %q", d.ID)
	}
	return domain.Record{Room: domain.RoomID(d.ID[:at]), Seq: seq, Payload: d.Data}, nil
}

// notFoundOr leaves domain.ErrNotFound as it is: it is an answer and no failure.
func notFoundOr(what string, err error) error {
	if errors.Is(err, domain.ErrNotFound) {
		return domain.ErrNotFound
	}
	return storeError(what, err)
}
