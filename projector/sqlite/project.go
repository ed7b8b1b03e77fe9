package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"confab/domain"
)

// projecting is a Project that waits for its turn.
type projecting struct {
	records []domain.Record
	events  []domain.Event // of the records
	done    chan error
}

// Project implements domain.Projection: all of a batch or nothing, archive and views
// together. Who gets the turn writes for all who wait, in one transaction: an fsync
// costs as much as a hundred records.
func (s *Store) Project(ctx context.Context, records []domain.Record) error {
	if len(records) == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	p := &projecting{records: records, events: make([]domain.Event, len(records)), done: make(chan error, 1)}
	for i, rec := range records { // while another one writes
		var err error
		if p.events[i], err = rec.Event(); err != nil {
			return storeError("project", err)
		}
	}
	s.enqueue(p)
	for {
		select {
		case err := <-p.done: // of who had the turn
			return storeError("project", err)
		case _, ok := <-s.writer.turn:
			if ok {
				s.projectWaiting()
				s.writer.give()
			} else if s.dequeue(p) {
				return storeError("project", sql.ErrConnDone)
			}
		case <-ctx.Done():
			if s.dequeue(p) {
				return storeError("project", ctx.Err())
			}
			return storeError("project", <-p.done)
		}
	}
}

func (s *Store) enqueue(p *projecting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, p)
}

// dequeue returns false when somebody writes p already.
func (s *Store) dequeue(p *projecting) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, p)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	return i >= 0
}

// enough is how many records one transaction takes on, about: more would make it no
// faster, and others wait for it.
const enough = 32000

// projectWaiting needs the turn.
func (s *Store) projectWaiting() {
	s.mu.Lock()
	n := 0
	for records := 0; n < len(s.waiting) && records < enough; n++ {
		records += len(s.waiting[n].records)
	}
	group := slices.Clone(s.waiting[:n])
	s.waiting = slices.Delete(s.waiting, 0, n)
	s.mu.Unlock()
	err := s.projectTogether(group)
	for _, p := range group {
		if err != nil && len(group) > 1 { // whose fault is it?
			p.done <- s.projectTogether([]*projecting{p})
		} else {
			p.done <- err
		}
	}
}

func (s *Store) projectTogether(group []*projecting) error {
	b := newBatch(s)
	err := s.writer.commit(func() error {
		for _, p := range group {
			for i, rec := range p.records {
				if err := b.project(rec, p.events[i]); err != nil {
					return fmt.Errorf("%s:%d: %w", rec.Room, rec.Seq, err)
				}
			}
		}
		if err := b.finish(); err != nil {
			return err
		}
		return b.archive()
	})
	if err == nil {
		s.remember(b)
	}
	return err
}

// Rebuild implements domain.Projection, as one transaction: readers see the old
// views until the new ones are complete, and a crash changes nothing.
func (s *Store) Rebuild(ctx context.Context) error {
	if err := s.writer.take(ctx); err != nil {
		return storeError("rebuild views", err)
	}
	defer s.writer.give()
	clear(s.known)
	err := s.writer.commit(func() error {
		if err := newBatch(s).mergeAll(); err != nil {
			return err
		}
		for _, view := range []string{"rooms", "members", "posts", "keys"} {
			if _, err := s.writer.exec("DELETE FROM " + view); err != nil {
				return err
			}
		}
		last := domain.Record{}
		for {
			page, err := s.eventsAfter(ctx, last)
			if err != nil || len(page) == 0 {
				return err
			}
			b := newBatch(s)
			for _, rec := range page {
				e, err := rec.Event()
				if err == nil {
					err = b.apply(e)
				}
				if err != nil {
					return fmt.Errorf("%s:%d: %w", rec.Room, rec.Seq, err)
				}
			}
			if err := b.finish(); err != nil {
				return err
			}
			last = page[len(page)-1]
		}
	})
	if err == nil {
		s.recent.clear()
	}
	return storeError("rebuild views", err)
}

// eventsAfter reads on in the archive, over all rooms.
func (s *Store) eventsAfter(ctx context.Context, last domain.Record) (page []domain.Record, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := s.writer.query(selectAllBlocks, last.Room, integer(last.Seq), 50)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		block, err := scanBlock(rows)
		if err != nil {
			return nil, err
		}
		page = append(page, block...)
	}
	return page, rows.Err()
}

// room is what the writer has to know of a room to go on with it.
type room struct {
	domain.Room        // of its members only those that change
	isNew       bool   // has no row
	written     uint64 // StateSeq of the row
	run         int64  // where the run of messages began that goes on, 0 if none does

	added, recent []domain.Record // by this batch: events, and those of them that are recent now
}

// remember keeps what the next batch will begin with. Only this process writes.
func (s *Store) remember(b *batch) {
	s.recent.update(b)
	const maxRooms = 10_000
	if len(s.known) > maxRooms {
		clear(s.known)
	}
	for _, r := range b.order {
		r.Members, r.added, r.recent = nil, nil, nil
		s.known[r.ID] = *r
	}
}

// batch is what one transaction does to the rooms in it. Rows that come with every
// event are gathered, and a room is written once, if its state changed.
type batch struct {
	*writer
	known map[domain.RoomID]room
	rooms map[domain.RoomID]*room
	order []*room // as they came
	keys  rows

	recent  *recent // as it was before
	merged  map[domain.RoomID]bool
	journal journal
}

func newBatch(s *Store) *batch {
	return &batch{
		writer: s.writer, known: s.known, rooms: map[domain.RoomID]*room{},
		keys:   rows{w: s.writer, insert: insertKey, row: 4},
		recent: &s.recent, merged: map[domain.RoomID]bool{}, journal: s.recent.journal,
	}
}

// project archives a record and applies it, unless it is archived.
func (b *batch) project(rec domain.Record, e domain.Event) error {
	r, err := b.room(rec.Room)
	if err != nil {
		return err
	}
	switch {
	case rec.Seq > r.Seq+1:
		return fmt.Errorf("the archive ends with %d: %w", r.Seq, domain.ErrGap)
	case rec.Seq <= r.Seq:
		return b.compare(r, rec)
	}
	r.added = append(r.added, rec)
	return b.apply(e)
}

func (b *batch) compare(r *room, rec domain.Record) error {
	archived, err := b.payload(r, rec.Seq)
	if err == nil && !bytes.Equal(archived, rec.Payload) {
		err = domain.ErrDiverged
	}
	return err
}

// payload returns that of an event which is archived or of this batch.
func (b *batch) payload(r *room, seq uint64) (payload []byte, err error) {
	for _, newest := range [][]domain.Record{r.added, b.recent.of(r.ID)} {
		if len(newest) > 0 && seq >= newest[0].Seq {
			return newest[seq-newest[0].Seq].Payload, nil
		}
	}
	block, err := scanBlock(b.queryRow(selectBlock, r.ID, integer(seq)))
	if err != nil {
		return nil, err
	}
	found := after(block, seq-1)
	if len(found) == 0 { // somebody else changed the file
		return nil, sql.ErrNoRows
	}
	return found[0].Payload, nil
}

// apply changes the views.
func (b *batch) apply(e domain.Event) error {
	r, err := b.room(e.Room)
	if err != nil {
		return err
	}
	if err := r.Apply(e); err != nil {
		return err
	}
	if posted := e.Kind == domain.MessagePosted; posted != (r.run != 0) {
		if err := b.turnRun(r, integer(e.Seq)); err != nil {
			return err
		}
	}
	if e.Key != "" {
		return b.keys.add(string(e.Room), string(e.Actor.ID), e.Key, integer(e.Seq))
	}
	return nil
}

// turnRun begins a run of messages at seq, or ends the one that goes on before it.
func (b *batch) turnRun(r *room, seq int64) (err error) {
	if r.run == 0 {
		r.run = seq
		_, err = b.exec(insertPosts, r.ID, seq, int64(math.MaxInt64))
	} else {
		_, err = b.exec(updatePosts, seq-1, r.ID, r.run)
		r.run = 0
	}
	return err
}

// room returns a room as it is without its members.
func (b *batch) room(id domain.RoomID) (*room, error) {
	if r := b.rooms[id]; r != nil {
		return r, nil
	}
	r, ok := b.known[id]
	if !ok {
		stored, err := scanRoom(id, b.recent.head(id))(b.queryRow(selectRoom, id))
		if errors.Is(err, sql.ErrNoRows) {
			stored, err, r.isNew = domain.NewRoom(id), nil, true
		} else if err == nil {
			err = b.queryRow(selectRun, id).Scan(&r.run)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // no run yet
			return nil, err
		}
		r.Room, r.written = *stored, stored.StateSeq
	}
	r.Members = map[domain.UserID]domain.Member{}
	b.rooms[id] = &r
	b.order = append(b.order, &r)
	return &r, nil
}

// finish writes what was gathered, and the rooms and the members that changed.
func (b *batch) finish() error {
	for _, r := range b.order {
		if r.isNew || r.StateSeq != r.written {
			if _, err := b.exec(upsertRoom, r.ID, r.Name, r.Visibility, r.Epoch, integer(r.EpochSeq), r.CreatedAt.UnixMilli(), integer(r.StateSeq)); err != nil {
				return err
			}
			r.isNew, r.written = false, r.StateSeq
		}
		for id, m := range r.Members {
			if _, err := b.exec(upsertMember, r.ID, id, m.User.Name, m.User.Guest, m.Role, integer(m.Seq)); err != nil {
				return err
			}
		}
	}
	return b.keys.flush()
}
