package ingest

import (
	"cmp"
	"container/list"
	"context"
	"sync"

	"confab/domain"
)

// rooms is a bounded cache of room states, least recently used out first. A cached
// state may be old; whoever uses it has the append script or the room's meta hash
// say so.
type rooms struct {
	mu     sync.Mutex
	byID   map[domain.RoomID]*list.Element // of *cachedRoom
	recent *list.List                      // most recently used first
	weight int                             // rooms and members
	limit  int
}

func newRooms(limit int) *rooms {
	return &rooms{byID: map[domain.RoomID]*list.Element{}, recent: list.New(), limit: limit}
}

// get returns the room's entry, a new one if there is none.
func (c *rooms) get(id domain.RoomID) *cachedRoom {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.byID[id]; ok {
		c.recent.MoveToFront(el)
		return el.Value.(*cachedRoom)
	}
	r := &cachedRoom{id: id, reading: make(chan struct{}, 1), changing: make(chan struct{}, 1), weight: 1}
	c.byID[id] = c.recent.PushFront(r)
	c.weight++
	c.evict()
	return r
}

// weigh accounts for the room's members after a change.
func (c *rooms) weigh(r *cachedRoom) {
	members := r.members()
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.byID[r.id]; ok && el.Value == r {
		c.weight += 1 + members - r.weight
		r.weight = 1 + members
		c.evict()
	}
}

// drop forgets the entry.
func (c *rooms) drop(r *cachedRoom) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.byID[r.id]; ok && el.Value == r {
		c.remove(el)
	}
}

// list returns all entries.
func (c *rooms) list() []*cachedRoom {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*cachedRoom, 0, len(c.byID))
	for _, el := range c.byID {
		list = append(list, el.Value.(*cachedRoom))
	}
	return list
}

func (c *rooms) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byID)
}

func (c *rooms) evict() {
	for c.weight > c.limit && c.recent.Len() > 1 {
		c.remove(c.recent.Back())
	}
}

func (c *rooms) remove(el *list.Element) {
	r := c.recent.Remove(el).(*cachedRoom)
	delete(c.byID, r.id)
	c.weight -= r.weight
}

// cachedRoom is one room's state as this node knows it. An entry that was dropped or
// evicted while in use stays usable.
type cachedRoom struct {
	id       domain.RoomID
	reading  chan struct{} // of capacity 1; held while the state is read or repaired
	changing chan struct{} // of capacity 1; held by a command that changes the state
	weight   int           // guarded by rooms.mu

	mu      sync.Mutex
	room    *domain.Room // nil: not read yet
	since   uint64       // keys of older events are in the archive only, as last heard
	repairs int
}

// version names a state, to find out whether somebody has renewed it meanwhile.
type version struct {
	exists  bool // the state was read, and the room was created
	seq     uint64
	state   uint64
	repairs int
}

func (r *cachedRoom) version() version {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.versionLocked()
}

func (r *cachedRoom) versionLocked() version {
	v := version{repairs: r.repairs}
	if r.room != nil {
		v.exists, v.seq, v.state = r.room.Exists(), r.room.Seq, r.room.StateSeq
	}
	return v
}

// decide runs f on the state and returns the state's version.
func (r *cachedRoom) decide(f decision) (e domain.Event, needed bool, v version, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, needed, err = f(r.room)
	return e, needed, r.versionLocked(), err
}

func (r *cachedRoom) view(f func(*domain.Room) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f(r.room)
}

// replace replaces the state by one that was read aside, unless, if not forced, it has gone
// further, or to another epoch: whoever has seen a change would see it undone.
func (r *cachedRoom) replace(room *domain.Room, force bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.replaceLocked(room, force)
}

func (r *cachedRoom) replaceLocked(room *domain.Room, force bool) bool {
	if !force && r.room != nil {
		if c := cmp.Compare(r.room.EpochSeq, room.EpochSeq); c > 0 || c == 0 && r.room.Seq > room.Seq {
			return false
		}
	}
	r.room = room
	return true
}

// begin sets the state of a room that is yet to be created, unless there is a state.
func (r *cachedRoom) begin(room *domain.Room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room == nil {
		r.room = room
	}
}

// repaired replaces the state by the one that a repair has found, if it is not older: commands
// go on meanwhile.
func (r *cachedRoom) repaired(room *domain.Room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replaceLocked(room, false)
	r.since = 0
	r.repairs++
}

// apply folds an event into the state that was appended on top of this state or of
// an older one.
func (r *cachedRoom) apply(e domain.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room == nil {
		return nil
	}
	return r.room.Apply(e)
}

// applyRecords folds records that follow the state without a gap, or overlap it.
func (r *cachedRoom) applyRecords(records []domain.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return applyRecords(r.room, records)
}

func applyRecords(room *domain.Room, records []domain.Record) error {
	for _, rec := range records {
		if !rec.Kind().ChangesRoom() { // most are messages; they need no decoding
			room.Seq = max(room.Seq, rec.Seq)
			continue
		}
		e, err := rec.Event()
		if err != nil {
			return err
		}
		if err := room.Apply(e); err != nil {
			return err
		}
	}
	return nil
}

// epochSeq returns with which event the epoch began, 0 when nothing is known.
func (r *cachedRoom) epochSeq() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room == nil {
		return 0
	}
	return r.room.EpochSeq
}

func (r *cachedRoom) members() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room == nil {
		return 0
	}
	return len(r.room.Members)
}

// keysSince returns from which seq on Redis knows the keys, as last heard.
func (r *cachedRoom) keysSince() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since
}

func (r *cachedRoom) setKeysSince(since uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since = since
}

// hold takes one of the entry's two places, or fails when ctx ends first.
func hold(ctx context.Context, place chan struct{}) (release func(), err error) {
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, domain.Unavailable("the room", ctx.Err())
	}
}
