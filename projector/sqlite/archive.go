package sqlite

import (
	"context"
	"errors"
	"math"

	"confab/domain"
)

// Head implements domain.Archive.
func (s *Store) Head(ctx context.Context, room domain.RoomID) (uint64, error) {
	seq, err := one(ctx, s, "read head", func(row scanner) (seq uint64, err error) {
		return seq, row.Scan(&seq)
	}, selectHead, room)
	if errors.Is(err, domain.ErrNotFound) {
		return 0, nil
	}
	return seq, err
}

// Range implements domain.Archive.
func (s *Store) Range(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	return list(ctx, s, "read events", scanRecord(room), selectEvents, room, integer(after), max(limit, 0))
}

// FindKey implements domain.Archive.
func (s *Store) FindKey(ctx context.Context, room domain.RoomID, user domain.UserID, key string) (domain.Record, error) {
	return one(ctx, s, "find key", scanRecord(room), selectByKey, room, user, key)
}

func scanRecord(room domain.RoomID) func(scanner) (domain.Record, error) {
	return func(row scanner) (domain.Record, error) {
		rec := domain.Record{Room: room}
		return rec, row.Scan(&rec.Seq, &rec.Payload)
	}
}

// integer returns a seq as SQLite holds it. No room gets near the largest.
func integer(seq uint64) int64 { return int64(min(seq, math.MaxInt64)) }

// InsertOnly archives records, all of them new, in one transaction, and does nothing else:
// no views, no keys, no look at what is there. It is the least that storing events takes,
// for a bench to compare Project with. The store is of no other use afterwards.
func (s *Store) InsertOnly(ctx context.Context, records []domain.Record) error {
	return storeError("insert events", s.writer.transaction(ctx, func() error {
		events := rows{w: s.writer, insert: insertEvent, row: 3}
		for _, rec := range records {
			if err := events.add(string(rec.Room), integer(rec.Seq), rec.Payload); err != nil {
				return err
			}
		}
		return events.flush()
	}))
}
