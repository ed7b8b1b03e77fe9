package domaintest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"confab/domain"
)

// MemoryStore is a domain.Store in memory, for tests. It passes TestStore, and it
// fails or hangs on demand. It is safe for concurrent use.
type MemoryStore struct {
	id         string
	mu         sync.Mutex
	fail       error         // of every call
	failWrites error         // of Project and Rebuild
	blocked    chan struct{} // closed by the release function; nil: not blocked

	events   map[domain.RoomID][]domain.Record // seq n at index n-1
	views    memoryViews
	accounts map[domain.UserID]domain.Account
	sessions map[string]domain.Session // by id
}

var _ domain.Store = (*MemoryStore)(nil)

// memoryViews is what Rebuild makes again.
type memoryViews struct {
	rooms    map[domain.RoomID]*domain.Room
	messages map[domain.RoomID][]domain.Message
	keys     map[memoryKey]uint64
}

type memoryKey struct {
	room domain.RoomID
	user domain.UserID
	key  string
}

func newMemoryViews() memoryViews {
	return memoryViews{
		rooms:    map[domain.RoomID]*domain.Room{},
		messages: map[domain.RoomID][]domain.Message{},
		keys:     map[memoryKey]uint64{},
	}
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{
		id:       domain.NewID(),
		events:   map[domain.RoomID][]domain.Record{},
		views:    newMemoryViews(),
		accounts: map[domain.UserID]domain.Account{},
		sessions: map[string]domain.Session{},
	}
}

// Fail makes every call from now on fail with err; nil ends it.
func (s *MemoryStore) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// FailProject makes every Project and Rebuild from now on fail with err, having
// changed nothing; nil ends it.
func (s *MemoryStore) FailProject(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failWrites = err
}

// Block makes every call from now on wait, until release is called or the call's
// context ends. Blocking a blocked store again changes nothing: any release ends it.
func (s *MemoryStore) Block() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blocked == nil {
		s.blocked = make(chan struct{})
	}
	gate := s.blocked
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.blocked == gate {
			close(gate)
			s.blocked = nil
		}
	})
}

// enter waits while the store is blocked and returns with s.mu held unless it fails.
func (s *MemoryStore) enter(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		if s.blocked == nil {
			break
		}
		gate := s.blocked
		s.mu.Unlock()
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	if s.fail != nil {
		defer s.mu.Unlock()
		return s.fail
	}
	return nil
}

// ID implements domain.Store.
func (s *MemoryStore) ID(ctx context.Context) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	s.mu.Unlock()
	return s.id, nil
}

// Ping implements domain.Store.
func (s *MemoryStore) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mu.Unlock()
	return nil
}

// Close implements domain.Store. The store stays usable, like a folder does.
func (s *MemoryStore) Close() error { return nil }

// Head implements domain.Archive.
func (s *MemoryStore) Head(ctx context.Context, room domain.RoomID) (uint64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return uint64(len(s.events[room])), nil
}

// Range implements domain.Archive.
func (s *MemoryStore) Range(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	events := s.events[room]
	events = events[min(after, uint64(len(events))):]
	return slices.Clone(events[:min(max(limit, 0), len(events))]), nil
}

// FindKey implements domain.Archive.
func (s *MemoryStore) FindKey(ctx context.Context, room domain.RoomID, user domain.UserID, key string) (domain.Record, error) {
	if err := s.enter(ctx); err != nil {
		return domain.Record{}, err
	}
	defer s.mu.Unlock()
	seq, ok := s.views.keys[memoryKey{room, user, key}]
	if !ok {
		return domain.Record{}, domain.ErrNotFound
	}
	return s.events[room][seq-1], nil
}

// Project implements domain.Projection. It applies all of a batch or nothing.
func (s *MemoryStore) Project(ctx context.Context, batch []domain.Record) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.failWrites != nil {
		return s.failWrites
	}
	fresh, err := s.check(batch)
	if err != nil {
		return err
	}
	for _, e := range fresh {
		s.views.apply(e)
	}
	for _, rec := range batch {
		if rec.Seq == uint64(len(s.events[rec.Room]))+1 {
			rec.Payload = bytes.Clone(rec.Payload)
			s.events[rec.Room] = append(s.events[rec.Room], rec)
		}
	}
	return nil
}

// check returns the events of the batch that are not archived yet.
func (s *MemoryStore) check(batch []domain.Record) ([]domain.Event, error) {
	added := map[domain.RoomID][]domain.Record{}
	var fresh []domain.Event
	for _, rec := range batch {
		e, err := rec.Event()
		if err != nil {
			return nil, err
		}
		old, n := s.events[rec.Room], uint64(len(s.events[rec.Room]))
		head := n + uint64(len(added[rec.Room]))
		switch {
		case rec.Seq > head+1:
			return nil, fmt.Errorf("record %s:%d after %d: %w", rec.Room, rec.Seq, head, domain.ErrGap)
		case rec.Seq == head+1:
			added[rec.Room] = append(added[rec.Room], rec)
			fresh = append(fresh, e)
		case rec.Seq > n && !bytes.Equal(added[rec.Room][rec.Seq-n-1].Payload, rec.Payload),
			rec.Seq <= n && !bytes.Equal(old[rec.Seq-1].Payload, rec.Payload):
			return nil, fmt.Errorf("record %s:%d: %w", rec.Room, rec.Seq, domain.ErrDiverged)
		}
	}
	return fresh, nil
}

func (v *memoryViews) apply(e domain.Event) {
	r := v.rooms[e.Room]
	if r == nil {
		r = domain.NewRoom(e.Room)
		v.rooms[e.Room] = r
	}
	_ = r.Apply(e) // fails on another room's events only
	if e.Kind == domain.MessagePosted {
		v.messages[e.Room] = append(v.messages[e.Room], domain.MessageOf(e))
	}
	if k := (memoryKey{e.Room, e.Actor.ID, e.Key}); e.Key != "" && v.keys[k] == 0 {
		v.keys[k] = e.Seq
	}
}

// Rebuild implements domain.Projection.
func (s *MemoryStore) Rebuild(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.failWrites != nil {
		return s.failWrites
	}
	views := newMemoryViews()
	for _, events := range s.events {
		for _, rec := range events {
			e, err := rec.Event()
			if err != nil {
				return err
			}
			views.apply(e)
		}
	}
	s.views = views
	return nil
}

// Room implements domain.Views.
func (s *MemoryStore) Room(ctx context.Context, id domain.RoomID) (*domain.Room, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	r, ok := s.views.rooms[id]
	if !ok {
		return nil, domain.ErrNotFound
	}
	clone := *r
	clone.Members = maps.Clone(r.Members)
	return &clone, nil
}

// Applied implements domain.Views.
func (s *MemoryStore) Applied(ctx context.Context, id domain.RoomID) (uint64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	if r := s.views.rooms[id]; r != nil {
		return r.Seq, nil
	}
	return 0, nil
}

// Rooms implements domain.Views.
func (s *MemoryStore) Rooms(ctx context.Context, user domain.UserID, after domain.RoomID, limit int) ([]domain.RoomSummary, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var list []domain.RoomSummary
	for id, r := range s.views.rooms {
		if id > after && r.Exists() && r.CanRead(user) == nil {
			list = append(list, domain.RoomSummary{ID: id, Name: r.Name, Visibility: r.Visibility, Member: r.RoleOf(user) != ""})
		}
	}
	slices.SortFunc(list, func(a, b domain.RoomSummary) int { return cmp.Compare(a.ID, b.ID) })
	return list[:min(max(limit, 0), len(list))], nil
}

// Messages implements domain.Views.
func (s *MemoryStore) Messages(ctx context.Context, room domain.RoomID, p domain.Page) ([]domain.Message, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var page []domain.Message
	for _, m := range s.views.messages[room] {
		if m.Seq > p.After && (p.Before == 0 || m.Seq < p.Before) {
			page = append(page, m)
		}
	}
	if !p.Forward {
		slices.Reverse(page)
	}
	return page[:min(max(p.Limit, 0), len(page))], nil
}
