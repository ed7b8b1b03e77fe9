package sqlite

import (
	"context"
	"errors"
	"math"

	"confab/domain"
)

// Head implements domain.Archive.
func (s *Store) Head(ctx context.Context, room domain.RoomID) (uint64, error) {
	if head := s.recent.head(room); head != 0 {
		return head, nil
	}
	seq, err := one(ctx, s, "read head", scanSeq, selectHead, room)
	if errors.Is(err, domain.ErrNotFound) {
		return 0, nil
	}
	return seq, err
}

// Range implements domain.Archive.
func (s *Store) Range(ctx context.Context, room domain.RoomID, from uint64, limit int) (records []domain.Record, err error) {
	limit = max(limit, 0)
	recent := s.recent.of(room)
	if len(recent) == 0 || from+1 < recent[0].Seq {
		records, err = list(ctx, s, "read events", scanRecord(room), selectEvents, room, integer(from), before(recent), limit)
	}
	recent = after(recent, from)
	return append(records, recent[:min(limit-len(records), len(recent))]...), err
}

// before returns the seq up to which the table events is read by who reads recent events.
func before(recent []domain.Record) int64 {
	if len(recent) == 0 {
		return math.MaxInt64
	}
	return integer(recent[0].Seq)
}

// FindKey implements domain.Archive.
func (s *Store) FindKey(ctx context.Context, room domain.RoomID, user domain.UserID, key string) (domain.Record, error) {
	seq, err := one(ctx, s, "find key", scanSeq, selectKey, room, user, key)
	if err != nil {
		return domain.Record{}, err
	}
	records, err := s.Range(ctx, room, seq-1, 1)
	if err == nil && (len(records) == 0 || records[0].Seq != seq) { // it is just being archived
		err = domain.ErrNotFound
	}
	if err != nil {
		return domain.Record{}, err
	}
	return records[0], nil
}

func scanSeq(row scanner) (seq uint64, err error) { return seq, row.Scan(&seq) }

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
		b := newBatch(s)
		if err := b.addEvents(records); err != nil {
			return err
		}
		return b.events.flush()
	}))
}
