package web_test

import (
	"context"
	"sync"

	"confab/domain"
	"confab/domain/domaintest"
)

// fakeRooms is web.Commands and domain.Timeline over one log in memory. It decides
// with the real domain, and projects into the store, unless told to let it trail.
type fakeRooms struct {
	store *domaintest.MemoryStore

	mu       sync.Mutex
	log      map[domain.RoomID][]domain.Record
	rooms    map[domain.RoomID]*domain.Room
	keys     map[fakeKey]domain.Event
	trailing bool  // the views are not brought up to date
	err      error // what every call fails with
	panics   bool  // every call does
}

type fakeKey struct {
	room domain.RoomID
	user domain.UserID
	key  string
}

func newFakeRooms(store *domaintest.MemoryStore) *fakeRooms {
	return &fakeRooms{
		store: store,
		log:   map[domain.RoomID][]domain.Record{},
		rooms: map[domain.RoomID]*domain.Room{},
		keys:  map[fakeKey]domain.Event{},
	}
}

func (f *fakeRooms) enter() error {
	f.mu.Lock()
	if f.panics {
		defer f.mu.Unlock()
		panic("the fake was told to")
	}
	if f.err != nil {
		defer f.mu.Unlock()
		return f.err
	}
	return nil
}

// say appends an event, in a room that is made at need.
func (f *fakeRooms) say(e domain.Event) domain.Event {
	r := f.rooms[e.Room]
	if r == nil {
		r = domain.NewRoom(e.Room)
		f.rooms[e.Room] = r
	}
	e.Seq = uint64(len(f.log[e.Room])) + 1
	rec, err := domain.EncodeEvent(e)
	if err != nil {
		panic(err)
	}
	if err := r.Apply(e); err != nil {
		panic(err)
	}
	f.log[e.Room] = append(f.log[e.Room], rec)
	if !f.trailing {
		if err := f.store.Project(context.Background(), []domain.Record{rec}); err != nil {
			panic(err)
		}
	}
	return e
}

func (f *fakeRooms) once(key fakeKey, decide func(domain.Command) (domain.Event, error), c domain.Command) (domain.Receipt, error) {
	if key.key == "" {
		key.key = domain.NewID()
	}
	c.Key = key.key
	e, err := decide(c)
	if err != nil {
		return domain.Receipt{}, err
	}
	if first, ok := f.keys[key]; ok {
		if !first.SameContent(e) {
			return domain.Receipt{}, domain.Errorf(domain.CodeConflict, "this key was used for something else")
		}
		return domain.Receipt{Event: first, Duplicate: true}, nil
	}
	e = f.say(e)
	f.keys[key] = e
	return domain.Receipt{Event: e}, nil
}

func (f *fakeRooms) room(id domain.RoomID) (*domain.Room, error) {
	if r := f.rooms[id]; r != nil {
		return r, nil
	}
	return nil, domain.ErrRoomNotFound()
}

func (f *fakeRooms) CreateRoom(_ context.Context, actor domain.User, name string, v domain.Visibility, key string) (domain.Receipt, error) {
	if err := f.enter(); err != nil {
		return domain.Receipt{}, err
	}
	defer f.mu.Unlock()
	return f.once(fakeKey{user: actor.ID, key: key}, func(c domain.Command) (domain.Event, error) {
		return c.CreateRoom(domain.RoomID(domain.NewID()), name, v)
	}, domain.Command{Actor: actor})
}

func (f *fakeRooms) PostMessage(_ context.Context, actor domain.User, room domain.RoomID, key, body string) (domain.Receipt, error) {
	if err := f.enter(); err != nil {
		return domain.Receipt{}, err
	}
	defer f.mu.Unlock()
	r, err := f.room(room)
	if err != nil {
		return domain.Receipt{}, err
	}
	return f.once(fakeKey{room, actor.ID, key}, func(c domain.Command) (domain.Event, error) {
		return c.PostMessage(r, body)
	}, domain.Command{Actor: actor})
}

func (f *fakeRooms) AddMember(_ context.Context, actor domain.User, room domain.RoomID, u domain.User) error {
	return f.change(room, func(r *domain.Room) (domain.Event, bool, error) {
		return domain.Command{Actor: actor}.AddMember(r, u)
	})
}

func (f *fakeRooms) RemoveMember(_ context.Context, actor domain.User, room domain.RoomID, u domain.UserID) error {
	return f.change(room, func(r *domain.Room) (domain.Event, bool, error) {
		return domain.Command{Actor: actor}.RemoveMember(r, u)
	})
}

func (f *fakeRooms) change(room domain.RoomID, decide func(*domain.Room) (domain.Event, bool, error)) error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.mu.Unlock()
	r, err := f.room(room)
	if err != nil {
		return err
	}
	e, needed, err := decide(r)
	if needed {
		f.say(e)
	}
	return err
}

func (f *fakeRooms) View(_ context.Context, room domain.RoomID, see func(*domain.Room) error) error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.mu.Unlock()
	r, err := f.room(room)
	if err != nil {
		return err
	}
	shown := *r
	shown.Seq = r.StateSeq // messages need not have come to a state in a cache
	return see(&shown)
}

func (f *fakeRooms) CanRead(ctx context.Context, user domain.UserID, room domain.RoomID) error {
	return f.View(ctx, room, func(r *domain.Room) error { return r.CanRead(user) })
}

func (f *fakeRooms) Heads(_ context.Context, rooms ...domain.RoomID) ([]uint64, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	heads := make([]uint64, len(rooms))
	for i, id := range rooms {
		heads[i] = uint64(len(f.log[id]))
	}
	return heads, nil
}

func (f *fakeRooms) Range(_ context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	log := f.log[room]
	log = log[min(after, uint64(len(log))):]
	return log[:min(len(log), limit)], nil
}

// set changes the fake's faults.
func (f *fakeRooms) set(change func(*fakeRooms)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// lateViews says that it has applied less than it has: projecting went on since.
type lateViews struct {
	domain.Views
	by uint64
}

func (v lateViews) Applied(ctx context.Context, id domain.RoomID) (uint64, error) {
	n, err := v.Views.Applied(ctx, id)
	return n - min(n, v.by), err
}

// noHub is a hub for tests that open no WebSocket.
type noHub struct{}

func (noHub) Subscribe(context.Context, domain.UserID, domain.RoomID, domain.Cursor, domain.Sink) (domain.Subscription, error) {
	panic("no WebSocket in this test")
}
