package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"confab/domain"
)

// Project implements domain.Projection, as one transaction: all of a batch or
// nothing, archive and views together, one fsync.
func (s *Store) Project(ctx context.Context, batch []domain.Record) error {
	if len(batch) == 0 {
		return ctx.Err()
	}
	err := s.writer.transaction(ctx, func() error {
		b := newBatch(s.writer)
		for _, rec := range batch {
			if err := b.project(rec); err != nil {
				return fmt.Errorf("%s:%d: %w", rec.Room, rec.Seq, err)
			}
		}
		return b.finish()
	})
	return storeError("project", err)
}

// Rebuild implements domain.Projection, as one transaction: readers see the old
// views until the new ones are complete, and a crash changes nothing.
func (s *Store) Rebuild(ctx context.Context) error {
	return storeError("rebuild views", s.writer.transaction(ctx, func() error {
		for _, view := range []string{"rooms", "members", "messages", "keys"} {
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
			b := newBatch(s.writer)
			for _, rec := range page {
				if err := b.apply(rec); err != nil {
					return fmt.Errorf("%s:%d: %w", rec.Room, rec.Seq, err)
				}
			}
			if err := b.finish(); err != nil {
				return err
			}
			last = page[len(page)-1]
		}
	}))
}

// eventsAfter reads on in the archive, over all rooms.
func (s *Store) eventsAfter(ctx context.Context, last domain.Record) (page []domain.Record, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := s.writer.query(selectAllEvents, last.Room, integer(last.Seq), 1000)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var rec domain.Record
		if err := rows.Scan(&rec.Room, &rec.Seq, &rec.Payload); err != nil {
			return nil, err
		}
		page = append(page, rec)
	}
	return page, rows.Err()
}

// batch is what one transaction does to the rooms in it. A room is kept with the
// members that the batch changes, and written once.
type batch struct {
	*writer
	rooms map[domain.RoomID]*domain.Room
	order []*domain.Room // as they came
}

func newBatch(w *writer) *batch { return &batch{writer: w, rooms: map[domain.RoomID]*domain.Room{}} }

// project archives a record and applies it, unless it is archived.
func (b *batch) project(rec domain.Record) error {
	room, err := b.room(rec.Room)
	if err != nil {
		return err
	}
	switch {
	case rec.Seq > room.Seq+1:
		return fmt.Errorf("the archive ends with %d: %w", room.Seq, domain.ErrGap)
	case rec.Seq <= room.Seq:
		return b.compare(rec)
	}
	if _, err := b.exec(insertEvent, rec.Room, rec.Seq, rec.Payload); err != nil {
		return err
	}
	return b.apply(rec)
}

func (b *batch) compare(rec domain.Record) error {
	var payload []byte
	if err := b.queryRow(selectEvent, rec.Room, rec.Seq).Scan(&payload); err != nil {
		return err
	}
	if !bytes.Equal(payload, rec.Payload) {
		return domain.ErrDiverged
	}
	return nil
}

// apply changes the views.
func (b *batch) apply(rec domain.Record) error {
	e, err := rec.Event()
	if err != nil {
		return err
	}
	room, err := b.room(e.Room)
	if err != nil {
		return err
	}
	if err := room.Apply(e); err != nil {
		return err
	}
	if e.Kind == domain.MessagePosted {
		m := domain.MessageOf(e)
		if _, err := b.exec(insertMessage, m.Room, m.Seq, m.ID, m.Key, m.At.UnixMilli(),
			m.Author.ID, m.Author.Name, m.Author.Guest, m.Body); err != nil {
			return err
		}
	}
	if e.Key != "" {
		if _, err := b.exec(insertKey, e.Room, e.Actor.ID, e.Key, e.Seq); err != nil {
			return err
		}
	}
	return nil
}

// room returns a room as it is without its members.
func (b *batch) room(id domain.RoomID) (*domain.Room, error) {
	if r := b.rooms[id]; r != nil {
		return r, nil
	}
	r, err := scanRoom(id)(b.queryRow(selectRoom, id))
	if errors.Is(err, sql.ErrNoRows) {
		r, err = domain.NewRoom(id), nil
	}
	if err != nil {
		return nil, err
	}
	b.rooms[id] = r
	b.order = append(b.order, r)
	return r, nil
}

// finish writes the rooms and the members that changed.
func (b *batch) finish() error {
	for _, r := range b.order {
		if _, err := b.exec(upsertRoom, r.ID, r.Name, r.Visibility, r.Epoch, r.EpochSeq, r.CreatedAt.UnixMilli(), r.Seq, r.StateSeq); err != nil {
			return err
		}
		for id, m := range r.Members {
			if _, err := b.exec(upsertMember, r.ID, id, m.User.Name, m.User.Guest, m.Role, m.Seq); err != nil {
				return err
			}
		}
	}
	return nil
}
