package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

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
		records, err = s.stored(ctx, "read events", selectEvents, room, from, before(recent), limit)
	}
	recent = after(recent, from)
	return append(records, recent[:min(limit-len(records), len(recent))]...), err
}

// before returns the seq up to which blocks are read by who reads recent events.
func before(recent []domain.Record) uint64 {
	if len(recent) == 0 {
		return math.MaxInt64
	}
	return recent[0].Seq
}

// stored returns the first events that the rows of a query hold, at most limit. A row is a
// block: where it begins, the seqs of the first and the last event that are asked for, and
// the entries. The same block may come again, for others.
func (s *Store) stored(ctx context.Context, what, query string, room domain.RoomID, from, before uint64, limit int) (records []domain.Record, err error) {
	if limit == 0 {
		return nil, nil
	}
	rows, err := s.query(ctx, query, room, min(integer(from), math.MaxInt64-1), integer(before))
	if err != nil {
		return nil, storeError(what, err)
	}
	defer rows.Close()
	var block []domain.Record
	for len(records) < limit && rows.Next() {
		var begin, first, last uint64
		var entries sql.RawBytes
		err := rows.Scan(&begin, &first, &last, &entries)
		if err == nil && (len(block) == 0 || block[0].Seq != begin) {
			block, err = cutEntries(bytes.Clone(entries))
		}
		if err != nil {
			return nil, storeError(what, err)
		}
		asked := until(after(block, first-1), last+1)
		if query == selectMessagesBackward {
			asked = slices.Clone(asked)
			slices.Reverse(asked)
		}
		records = append(records, asked...)
	}
	// What was scanned as it lies in the rows locks them until they are closed. To ask for their
	// error before would wait for ever, if the context's end has begun to close them.
	err = cmp.Or(rows.Close(), rows.Err())
	return records[:min(limit, len(records))], storeError(what, err)
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

// integer returns a seq as SQLite holds it. No room gets near the largest.
func integer(seq uint64) int64 { return int64(min(seq, math.MaxInt64)) }

// InsertOnly writes records, all of them new, as rows of a plain table, clustered by room and
// seq, in one transaction. It is what a bench compares Project with; nothing reads them.
func (s *Store) InsertOnly(ctx context.Context, records []domain.Record) error {
	return storeError("insert events", s.writer.transaction(ctx, func() error {
		if _, err := s.writer.exec("PRAGMA cache_size = -32000"); err != nil { // it is twice as fast with more than blocks need
			return err
		}
		if _, err := s.writer.exec("CREATE TABLE IF NOT EXISTS plain (room TEXT, seq INTEGER, payload BLOB, PRIMARY KEY (room, seq)) WITHOUT ROWID"); err != nil {
			return err
		}
		plain := rows{w: s.writer, insert: "INSERT OR FAIL INTO plain (room, seq, payload) VALUES (?, ?, ?)", row: 3}
		for _, rec := range records {
			if err := plain.add(string(rec.Room), integer(rec.Seq), rec.Payload); err != nil {
				return err
			}
		}
		return plain.flush()
	}))
}
