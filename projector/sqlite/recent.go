package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"confab/domain"
)

// recent is the newest part of the archive: what the journal holds and the table blocks
// does not, by room. (In the terms of log-structured merge trees it is the memtable.)
//
// A reader takes a room's recent events first, and then those before them from blocks:
// whether they are merged into it meanwhile makes no difference.
type recent struct {
	mu    sync.RWMutex
	rooms map[domain.RoomID][]domain.Record // each room's newest, in order
	bytes int                               // of their payloads

	blockBytes int     // of a room's payloads make a block
	maxBytes   int     // of all; then rooms are merged that do not fill a block
	journal    journal // of who has the writer's turn, as is entries
	entries    []byte  // scratch, as is block
	block      []byte
}

// journal is what is to be known of the table of that name.
type journal struct {
	last    int64           // number of the newest row
	bytes   int             // of the rows above until, which is 0 at first
	leaving []domain.RoomID // to be merged before the rows up to until can go
	until   int64
}

func newRecent() recent {
	return recent{rooms: map[domain.RoomID][]domain.Record{}, blockBytes: 16 << 10, maxBytes: 8 << 20}
}

// of returns the recent events of a room, which stay as they are.
func (r *recent) of(room domain.RoomID) []domain.Record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.rooms[room]
}

// head returns the seq of the newest one of a room, 0 if there is none.
func (r *recent) head(room domain.RoomID) uint64 {
	events := r.of(room)
	if len(events) == 0 {
		return 0
	}
	return events[len(events)-1].Seq
}

// update notes what a transaction has done.
func (r *recent) update(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for room := range b.merged {
		r.bytes -= size(r.rooms[room])
		delete(r.rooms, room)
	}
	for _, room := range b.order {
		r.add(room.recent)
	}
	r.journal = b.journal
}

// add needs the lock, or that nobody else knows of r yet.
func (r *recent) add(events []domain.Record) {
	if len(events) > 0 {
		room := events[0].Room
		r.rooms[room] = append(r.rooms[room], events...)
		r.bytes += size(events)
	}
}

// clear notes that all was merged.
func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.rooms)
	r.bytes, r.journal = 0, journal{}
}

// after returns those of a room's events that have a seq above from.
func after(events []domain.Record, from uint64) []domain.Record {
	if len(events) == 0 || from < events[0].Seq {
		return events
	}
	return events[min(from-events[0].Seq+1, uint64(len(events))):]
}

// until returns those that have a seq below before.
func until(events []domain.Record, before uint64) []domain.Record {
	if len(events) == 0 || before <= events[0].Seq {
		return nil
	}
	return events[:min(before-events[0].Seq, uint64(len(events)))]
}

func size(events []domain.Record) (n int) {
	for _, rec := range events {
		n += len(rec.Payload)
	}
	return n
}

// archive writes the events of the batch: into blocks those of a room that has enough of
// them, with what of the room is recent, and others into the journal.
func (b *batch) archive() error {
	entries, added := b.recent.entries[:0], 0
	for _, r := range b.order {
		added += size(r.added)
		if size(b.recent.of(r.ID))+size(r.added) < b.recent.blockBytes {
			r.recent = r.added
			for _, rec := range r.added {
				entries = appendEntry(entries, rec)
			}
			continue
		}
		if err := b.merge(r.ID, r.added); err != nil {
			return err
		}
	}
	if cap(entries) <= 1<<20 {
		b.recent.entries = entries
	}
	if len(entries) > 0 {
		b.journal.last++
		b.journal.bytes += len(entries)
		if _, err := b.exec(insertJournal, b.journal.last, entries); err != nil {
			return err
		}
	}
	return b.shorten(2 * added)
}

// An entry of a row of the journal, or of blocks, is "<seq> <bytes of the payload> <room>\n<payload>".
func appendEntry(entries []byte, rec domain.Record) []byte {
	entries = strconv.AppendUint(entries, rec.Seq, 10)
	entries = append(entries, ' ')
	entries = strconv.AppendInt(entries, int64(len(rec.Payload)), 10)
	entries = append(entries, ' ')
	entries = append(entries, rec.Room...)
	entries = append(entries, '\n')
	return append(entries, rec.Payload...)
}

// cutEntry returns the first entry, and those after it.
func cutEntry(entries []byte) (rec domain.Record, rest []byte, err error) {
	head, rest, _ := bytes.Cut(entries, []byte("\n"))
	seq, others, _ := strings.Cut(string(head), " ")
	length, room, _ := strings.Cut(others, " ")
	rec = domain.Record{Room: domain.RoomID(room)}
	rec.Seq, err = strconv.ParseUint(seq, 10, 64)
	n, err2 := strconv.ParseUint(length, 10, 31)
	if err != nil || err2 != nil || room == "" || n > uint64(len(rest)) {
		return rec, nil, fmt.Errorf("an entry begins with %q", head)
	}
	rec.Payload = rest[:n:n]
	return rec, rest[n:], nil
}

func cutEntries(entries []byte) (records []domain.Record, err error) {
	for len(entries) > 0 {
		var rec domain.Record
		if rec, entries, err = cutEntry(entries); err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	return records, nil
}

func scanBlock(row scanner) ([]domain.Record, error) {
	var entries []byte
	if err := row.Scan(&entries); err != nil {
		return nil, err
	}
	return cutEntries(entries)
}

// shorten keeps the journal, and what is in memory, from growing on and on: it merges about
// n bytes of rooms that do not fill a block. That is more than have come, but not all at once,
// for others wait.
func (b *batch) shorten(n int) error {
	j := &b.journal
	if len(j.leaving) == 0 {
		if max(j.bytes, b.recent.bytes) < b.recent.maxBytes {
			return nil
		}
		// What this batch adds is not among it.
		j.leaving, j.until = slices.Sorted(maps.Keys(b.recent.rooms)), b.recent.journal.last
		j.bytes -= b.recent.journal.bytes
	}
	for ; n > 0 && len(j.leaving) > 0; j.leaving = j.leaving[1:] {
		n -= size(b.recent.of(j.leaving[0]))
		if err := b.merge(j.leaving[0], nil); err != nil {
			return err
		}
	}
	if len(j.leaving) > 0 {
		return nil
	}
	_, err := b.exec(deleteJournal, j.until)
	return err
}

// merge copies the recent events of a room to blocks, with those that were added.
func (b *batch) merge(room domain.RoomID, added []domain.Record) error {
	if b.merged[room] {
		return nil
	}
	b.merged[room] = true
	return b.addBlocks(slices.Concat(b.recent.of(room), added))
}

// addBlocks stores events of a room that follow one another. What would not fill half a
// block is in the one before it.
func (b *batch) addBlocks(events []domain.Record) error {
	left := size(events)
	for len(events) > 0 {
		entries, n := b.recent.block[:0], 0
		for full := left - b.recent.blockBytes; n < len(events) && (left > full || left < b.recent.blockBytes/2); n++ {
			left -= len(events[n].Payload)
			entries = appendEntry(entries, events[n])
		}
		b.recent.block = entries
		if _, err := b.exec(insertBlock, events[0].Room, integer(events[0].Seq), integer(events[n-1].Seq), entries); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// mergeAll merges all that is recent, for who clears it then.
func (b *batch) mergeAll() error {
	for _, room := range slices.Sorted(maps.Keys(b.recent.rooms)) {
		if err := b.merge(room, nil); err != nil {
			return err
		}
	}
	_, err := b.exec(deleteJournal, b.journal.last)
	return err
}

// restore reads the journal that an earlier process has left.
func (s *Store) restore(ctx context.Context) error {
	rows, err := s.query(ctx, selectJournal)
	if err != nil {
		return err
	}
	defer rows.Close()
	heads := map[domain.RoomID]uint64{}
	for rows.Next() {
		var entries []byte
		if err := rows.Scan(&s.recent.journal.last, &entries); err != nil {
			return err
		}
		s.recent.journal.bytes += len(entries)
		records, err := cutEntries(entries)
		if err != nil {
			return err
		}
		for _, rec := range records {
			if err := s.restoreRecord(ctx, rec, heads); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

// restoreRecord takes what is not among its room's blocks yet; heads are those of the rooms
// so far, so that each is asked for once.
func (s *Store) restoreRecord(ctx context.Context, rec domain.Record, heads map[domain.RoomID]uint64) (err error) {
	head, ok := heads[rec.Room]
	if !ok {
		if head, err = s.Head(ctx, rec.Room); err != nil {
			return err
		}
	}
	if rec.Seq > head {
		s.recent.add([]domain.Record{rec})
	}
	heads[rec.Room] = max(head, rec.Seq)
	return nil
}
