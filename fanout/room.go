package fanout

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"confab/domain"
)

// room is a room that has subscribers at this node. Its goroutine, run, makes one
// gapless sequence of what the bus and the timeline bring, and writes it to the
// members: the subscriptions that have everything so far. All others are catching up
// (resume.go) and enter when they have.
type room struct {
	hub   *Hub
	id    domain.RoomID
	ring  *ring
	pages *pages
	wake  chan struct{} // capacity 1: the feed has something, or something below changed
	stop  chan struct{} // closed when nobody needs the room (end)

	ready  chan struct{} // closed when the room follows its live events, or cannot
	failed error         // why it cannot; set before ready is closed

	restoring atomic.Bool // somebody has it repaired

	mu        sync.Mutex // taken after Hub.mu, before those of the ring and the pages
	subs      map[*Subscription]struct{}
	entering  []*Subscription
	heard     uint64    // newest seq that somebody knows of; 0 once the goroutine has taken it
	logged    uint64    // head of the log when it was last read
	left      bool      // a member's subscription ended
	idleSince time.Time // when the last subscription ended

	// Of the goroutine alone:
	feed    *Feed  // from the bus, in whatever state it delivers them
	known   uint64 // newest seq known to exist; when beyond the ring's last, there is a gap
	unsure  bool   // whether the ring's last event is still the history; nothing follows it until that is known
	members []*Subscription
	came    [][]byte        // scratch
	batch   []domain.Record // scratch
	frames  []frame         // scratch
}

func newRoom(h *Hub, id domain.RoomID) *room {
	return &room{
		hub:   h,
		id:    id,
		ring:  newRing(h.cfg.RingFrames, h.cfg.RingBytes),
		pages: newPages(h.cfg, id),
		wake:  make(chan struct{}, 1),
		stop:  make(chan struct{}),
		ready: make(chan struct{}),
		subs:  map[*Subscription]struct{}{},
	}
}

func (r *room) run(ctx context.Context) {
	err := r.open(ctx)
	if err != nil {
		r.failed = err
		r.hub.forget(r) // first, so that whoever hears of it and tries again gets a new room
		close(r.ready)
		return
	}
	defer r.hub.forget(r)
	defer r.feed.Close()
	close(r.ready)
	r.serve(ctx)
}

// open follows the room's live events and only then looks where it stands, so that
// nothing falls between.
func (r *room) open(ctx context.Context) (err error) {
	if r.feed, err = r.follow(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.feed.Close()
		}
	}()
	head, err := r.hub.head(ctx, r.id)
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	return r.begin(ctx, head)
}

// follow asks the bus for a feed if it has such, since that costs no goroutine per room
// and no switch of them per message.
func (r *room) follow(ctx context.Context) (*Feed, error) {
	topic := r.hub.cfg.Topic(r.id)
	if bus, ok := r.hub.cfg.Subscriber.(*Bus); ok {
		return bus.Follow(ctx, topic, r.poke)
	}
	return followChannel(ctx, r.hub.cfg.Subscriber, topic, r.poke)
}

// begin makes the ring hold what the room's history ends with, up to head: what a few
// subscribers are about to be given, what may have to be put back (back.go), and what the
// history can be told by from another.
func (r *room) begin(ctx context.Context, head uint64) error {
	after := head - min(head, pageEvents)
	r.ring.jump(after)
	r.known = head
	if head == 0 {
		return nil
	}
	records, err := r.hub.cfg.Timeline.Range(ctx, r.id, after, pageEvents)
	if err != nil {
		return fmt.Errorf("read the newest events: %w", err)
	}
	if len(records) == 0 || records[0].Seq != after+1 { // it changes at this moment
		r.ring.jump(head)
		return nil
	}
	for len(records) > 0 { // nobody is a member yet
		n := r.encode(records)
		r.ring.append(r.frames)
		records = records[n:]
	}
	clear(r.frames)
	return nil
}

// serve is the life of the room.
func (r *room) serve(ctx context.Context) {
	// Whatever the room waits for wakes it: to wait on a channel for each takes three times
	// as long, for every message.
	defer context.AfterFunc(ctx, r.poke)()
	retry := time.AfterFunc(time.Hour, r.poke)
	retry.Stop() // until it is needed
	defer retry.Stop()
	var next time.Time // when a repair is tried again
	wait := newBackoff()
	busy := false // what was taken last had come while a pass was written
	for {
		if r.stopped() || ctx.Err() != nil {
			return
		}
		r.listen()
		r.enterAll()
		if began := time.Now(); r.take() {
			if busy {
				r.rest(ctx, time.Since(began))
			}
			busy = true
			continue
		}
		busy = false
		if r.behind() && !time.Now().Before(next) {
			if r.repair(ctx) {
				wait = newBackoff()
				continue
			}
			pause := wait.next()
			next = time.Now().Add(pause)
			retry.Reset(pause)
		}
		<-r.wake
	}
}

// Where writing to all members takes long and more has come meanwhile, a pause as long lets
// the next pass write more at once: what a write costs hardly depends on how much it writes,
// and neither does the reading at its other end.
const (
	minRest = time.Millisecond // what takes less costs little
	maxRest = 5 * time.Millisecond
)

func (r *room) rest(ctx context.Context, worked time.Duration) {
	if worked < minRest {
		return
	}
	t := time.NewTimer(min(worked, maxRest))
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.stop:
	case <-ctx.Done():
	}
}

// stopped goes before whatever else there is to do: what comes in may be of another
// history.
func (r *room) stopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// take accepts what has come in, and reports whether there was anything. What comes
// while a pass is written gathers in the feed, and the next one writes all of it.
func (r *room) take() bool {
	came, gap := r.feed.Take(r.came[:0])
	r.came = came
	if len(came) == 0 && !gap {
		return false
	}
	r.batch = r.batch[:0]
	for _, payload := range came {
		rec, err := domain.SkimRecord(r.id, payload)
		if err != nil {
			r.hub.cfg.Logger.Error("live message is no event of its room", "room", r.id, "error", err)
			gap = true
			continue
		}
		r.batch = append(r.batch, rec)
	}
	if gap { // the bus has lost events, and with its connection maybe the server that it knew
		r.unsure = true
		r.hub.checkSoon()
	}
	r.accept(r.batch)
	clear(r.came) // nothing of them is kept alive
	clear(r.batch)
	r.came, r.batch = small(r.came), small(r.batch)
	return true
}

// listen takes in what others told the room, and lets go of members that ended.
func (r *room) listen() {
	r.mu.Lock()
	heard, left := r.heard, r.left
	r.heard, r.left = 0, false
	r.mu.Unlock()
	r.known = max(r.known, heard)
	if left {
		r.keep(func(m *Subscription) bool { return !m.ended() })
	}
}

// keep drops the members for which f is false.
func (r *room) keep(f func(*Subscription) bool) {
	kept := r.members[:0]
	for _, m := range r.members {
		if f(m) {
			kept = append(kept, m)
		}
	}
	clear(r.members[len(kept):])
	r.members = kept
}

// extend makes frames of records that follow the last event, and passes them on.
func (r *room) extend(records []domain.Record) {
	for len(records) > 0 {
		n := r.encode(records)
		left, epoch := r.frames[n-1].left, r.frames[n-1].epoch
		r.pass()
		clear(r.frames)
		records = records[n:]
		if left != "" {
			r.recheck(func(s *Subscription) bool { return s.user == left })
		}
		if epoch != "" {
			r.resetSubscribers(r.ring.last, r.ring.last, epoch)
		}
	}
}

// encode fills r.frames with the next chunk and returns its length. It ends with an
// event by which somebody left the room, for they get that one and no other before it is
// known whether they may, or that begins a new epoch.
func (r *room) encode(records []domain.Record) int {
	r.frames = r.frames[:0]
	size := 0
	for _, rec := range records {
		f := newFrame(r.hub.cfg.Encode, rec)
		if size += len(f.data); size > r.hub.cfg.ChunkBytes && len(r.frames) > 0 {
			break
		}
		r.frames = append(r.frames, f)
		if f.alone() {
			break
		}
	}
	return len(r.frames)
}

// pass appends r.frames to the ring and writes them to all members, with one call
// for each.
func (r *room) pass() {
	lay(r.frames)
	data := join(r.frames)
	r.ring.append(r.frames)
	last := r.ring.last
	first := last - uint64(len(r.frames)) + 1
	delivered := 0
	r.keep(func(m *Subscription) bool {
		if m.next == first {
			delivered += len(r.frames)
			return m.deliver(data, len(r.frames), last)
		}
		if m.next > last { // it entered with more than the room had
			return true
		}
		if m.next < first { // should never be; nobody is to miss an event if it is
			r.hub.start(m.catchUp)
			return false
		}
		part := r.frames[m.next-first:]
		delivered += len(part)
		return m.deliver(join(part), len(part), last)
	})
	r.hub.metrics.passed(len(r.frames), delivered)
}

// enterAll makes members of those who have caught up. Whoever has not, after all,
// goes on catching up.
func (r *room) enterAll() {
	r.mu.Lock()
	entering := r.entering
	r.entering = nil
	r.mu.Unlock()
	for _, s := range entering {
		if s.doubted.Load() || !r.ring.reaches(s.next, r.hub.cfg.RingBytes) {
			r.hub.start(s.catchUp)
			continue
		}
		if frames := r.ring.from(s.next, r.hub.cfg.RingBytes); len(frames) > 0 {
			if !s.deliver(join(frames), len(frames), r.ring.last) {
				continue
			}
		}
		if s.reachHead() {
			r.members = append(r.members, s)
		}
	}
}

// recheck has the access of some subscriptions checked before they get anything else.
func (r *room) recheck(which func(*Subscription) bool) {
	r.mu.Lock()
	for s := range r.subs {
		if which(s) {
			s.doubted.Store(true)
		}
	}
	r.mu.Unlock()
	r.keep(func(m *Subscription) bool {
		if !m.doubted.Load() {
			return true
		}
		r.hub.start(m.catchUp)
		return false
	})
}

// end has the room stop. It is called once, by who takes it out of Hub.rooms.
func (r *room) end() {
	close(r.stop)
	r.poke()
}

func (r *room) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// hear tells the room which seq the log was found to end with.
func (r *room) hear(seq uint64) {
	r.mu.Lock()
	r.heard, r.logged = max(r.heard, seq), seq
	r.mu.Unlock()
	if seq > r.ring.lastSeq() {
		r.poke()
	}
}

// newest returns the newest seq that is known here.
func (r *room) newest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.logged, r.ring.lastSeq())
}

// enter hands s over to the room's goroutine if it has everything that the room has,
// or nearly so. From then on the caller has no business with it.
func (r *room) enter(s *Subscription) bool {
	if s.next <= s.head || !r.ring.reaches(s.next, r.hub.cfg.ChunkBytes) {
		return false
	}
	r.mu.Lock()
	r.entering = append(r.entering, s)
	r.mu.Unlock()
	r.poke()
	return true
}

// add and remove keep the set of subscriptions, from attaching to their end.
func (r *room) add(s *Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subs[s] = struct{}{}
}

func (r *room) remove(s *Subscription) {
	r.mu.Lock()
	delete(r.subs, s)
	r.left = true
	if len(r.subs) == 0 {
		r.idleSince = time.Now()
	}
	r.mu.Unlock()
	r.poke()
}

func (r *room) idleFor() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.subs) > 0 {
		return 0
	}
	return time.Since(r.idleSince)
}
