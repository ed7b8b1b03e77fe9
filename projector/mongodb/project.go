package mongodb

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"confab/domain"
)

// Project implements domain.Projection. The order of its writes makes a batch that
// broke off anywhere safe to do again: the archive first, without holes; then the
// views; and last the rooms, whose seq says up to where the views are complete.
func (s *Store) Project(ctx context.Context, batch []domain.Record) error {
	if len(batch) == 0 {
		return ctx.Err()
	}
	parts, err := split(batch)
	if err == nil {
		err = s.ensure(ctx)
	}
	if err == nil {
		err = s.archive(ctx, parts)
	}
	if err == nil {
		err = s.apply(ctx, parts)
	}
	return storeError("project", err)
}

// part is what a batch holds of one room.
type part struct {
	room    domain.Room     // before the part, without its members
	records []domain.Record // dense, in order
	events  []domain.Event  // of the records
	missing []domain.Record // those of records that are not archived
}

// split divides a batch by room, in the order in which the rooms come. Repetitions
// within the batch are dropped.
func split(batch []domain.Record) ([]*part, error) {
	var parts []*part
	byRoom := map[domain.RoomID]*part{}
	for _, rec := range batch {
		p := byRoom[rec.Room]
		if p == nil {
			p = &part{room: *domain.NewRoom(rec.Room)}
			byRoom[rec.Room] = p
			parts = append(parts, p)
		}
		p.records = append(p.records, rec)
	}
	for _, p := range parts {
		slices.SortStableFunc(p.records, func(a, b domain.Record) int { return cmp.Compare(a.Seq, b.Seq) })
		kept := p.records[:1]
		for _, rec := range p.records[1:] {
			last := kept[len(kept)-1]
			switch {
			case rec.Seq > last.Seq+1:
				return nil, fmt.Errorf("%s:%d comes after %d: %w", rec.Room, rec.Seq, last.Seq, domain.ErrGap)
			case rec.Seq == last.Seq+1:
				kept = append(kept, rec)
			case !bytes.Equal(rec.Payload, last.Payload):
				return nil, fmt.Errorf("%s:%d: %w", rec.Room, rec.Seq, domain.ErrDiverged)
			}
		}
		p.records = kept
		if err := p.decode(); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func (p *part) first() uint64 { return p.records[0].Seq }

// decode comes before anything is written: what cannot be read is not archived.
func (p *part) decode() error {
	for _, rec := range p.records {
		e, err := rec.Event()
		if err != nil {
			return err
		}
		p.events = append(p.events, e)
	}
	return nil
}

// archive inserts the events that are not archived, and compares those that are.
func (s *Store) archive(ctx context.Context, parts []*part) error {
	unknown := s.recall(parts)
	// A duplicate that was not seen here has another writer: a projector that lost
	// its lease while it slept, or our own attempt whose answer was lost. Look again.
	const attempts = 3
	for range attempts {
		if err := s.look(ctx, unknown); err != nil {
			return err
		}
		var docs []eventDocument
		for _, p := range parts {
			for _, rec := range p.missing {
				docs = append(docs, eventDocument{ID: position(rec.Room, rec.Seq), Data: rec.Payload})
			}
		}
		// In order, so that whatever stops it leaves no hole in the archive.
		duplicates, err := insert(ctx, s.events, docs, true)
		if err != nil || len(duplicates) == 0 {
			return err
		}
		unknown = parts
	}
	return errors.New("other writers keep writing the same events")
}

// recall fills in what is known of the rooms, and returns the parts of those that are
// not known to end where the part begins.
func (s *Store) recall(parts []*part) (unknown []*part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range parts {
		if room, ok := s.projected[p.room.ID]; ok && room.Seq+1 == p.first() {
			p.room, p.missing = room, p.records
		} else {
			unknown = append(unknown, p)
		}
	}
	return unknown
}

// look reads what the store holds of the parts' rooms and events.
func (s *Store) look(ctx context.Context, parts []*part) error {
	if len(parts) == 0 {
		return nil
	}
	var ids []domain.RoomID
	var positions []string
	for _, p := range parts {
		ids = append(ids, p.room.ID)
		for _, rec := range p.records {
			positions = append(positions, position(rec.Room, rec.Seq))
		}
	}
	rooms, err := find[roomDocument](ctx, s.rooms, bson.D{in("_id", ids)}, nil, 0)
	if err != nil {
		return err
	}
	events, err := find[eventDocument](ctx, s.events, bson.D{in("_id", positions)}, nil, 0)
	if err != nil {
		return err
	}
	applied := map[domain.RoomID]roomDocument{}
	for _, r := range rooms {
		applied[r.ID] = r
	}
	archived := map[string][]byte{}
	for _, e := range events {
		archived[e.ID] = e.Data
	}
	for _, p := range parts {
		if doc, ok := applied[p.room.ID]; ok {
			p.room = doc.room()
		}
		if err := p.compare(archived); err != nil {
			return err
		}
		if err := s.catchUp(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) compare(archived map[string][]byte) error {
	p.missing = nil
	for _, rec := range p.records {
		payload, ok := archived[position(rec.Room, rec.Seq)]
		if !ok {
			p.missing = append(p.missing, rec)
		} else if !bytes.Equal(payload, rec.Payload) {
			return fmt.Errorf("%s:%d: %w", rec.Room, rec.Seq, domain.ErrDiverged)
		}
	}
	return nil
}

// catchUp applies what lies archived between the views and the part: a Project or a
// Rebuild broke off there.
func (s *Store) catchUp(ctx context.Context, p *part) error {
	const page = 1000
	for p.room.Seq+1 < p.first() {
		limit := min(page, p.first()-p.room.Seq-1)
		records, err := s.Range(ctx, p.room.ID, p.room.Seq, int(limit))
		if err != nil {
			return err
		}
		if len(records) == 0 || records[0].Seq != p.room.Seq+1 {
			return fmt.Errorf("%s:%d comes after %d: %w", p.room.ID, p.first(), p.room.Seq, domain.ErrGap)
		}
		behind := &part{room: p.room, records: records}
		if err := behind.decode(); err != nil {
			return err
		}
		if err := s.apply(ctx, []*part{behind}); err != nil {
			return err
		}
		p.room = behind.room
	}
	return nil
}

// remember keeps what the next batch will begin with.
func (s *Store) remember(parts []*part) {
	const enough = 10_000
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.projected) > enough {
		clear(s.projected)
	}
	for _, p := range parts {
		s.projected[p.room.ID] = p.room
	}
}

func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.projected)
}
