package fanout_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/fanout"
)

// world is a hub among fakes: one room whose events are logged, and heard of on the
// bus or not, as a test wants.
type world struct {
	t      require.TestingT
	mu     sync.Mutex // of hist
	hist   *domaintest.History
	bus    *fakeBus
	log    *fakeLog
	access *fakeAccess
	hub    *fanout.Hub
}

// inWorld runs f in a bubble where the clock is faked and all goroutines must end.
func inWorld(t *testing.T, cfg fanout.HubConfig, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cfg)
		stop := w.run()
		f(w)
		stop()
	})
}

func newWorld(t require.TestingT, cfg fanout.HubConfig) *world {
	w := &world{t: t, hist: domaintest.NewHistory("room", domain.Private), bus: &fakeBus{}, log: &fakeLog{}, access: &fakeAccess{}}
	w.log.append(w.hist.Records(1, 0)...)
	w.hub = w.hubOn(w.bus, cfg)
	return w
}

func (w *world) hubOn(bus message.Subscriber, cfg fanout.HubConfig) *fanout.Hub {
	cfg.Subscriber, cfg.Access = bus, w.access
	cfg.Timeline = fanout.NewTimeline(fakeStream{w.log}, fakeArchive{w.log})
	cfg.Topic = func(id domain.RoomID) string { return "live:" + string(id) }
	if cfg.Encode == nil {
		cfg.Encode = func(rec domain.Record) []byte { return fmt.Appendf(nil, "%d ", rec.Seq) }
	}
	return fanout.NewHub(cfg)
}

// run starts the hub and returns what stops it and waits for all of its goroutines.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- w.hub.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		require.NoError(w.t, <-ended)
		w.bus.ended.Wait()
	}
}

// logs appends n messages to the room, of which the bus tells nobody.
func (w *world) logs(n int) []domain.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	from := len(w.hist.Events) + 1
	w.hist.Posts(n)
	records := w.hist.Records(from, 0)
	w.log.append(records...)
	return records
}

// posts appends n messages to the room and publishes them.
func (w *world) posts(n int) { w.publish(w.logs(n)...) }

func (w *world) publish(records ...domain.Record) {
	for _, rec := range records {
		w.bus.publish(message.NewMessage("", rec.Payload))
	}
}

// happens appends the event and publishes it.
func (w *world) happens(e domain.Event) {
	rec := domaintest.RecordOf(e)
	w.log.append(rec)
	w.publish(rec)
}

func (w *world) head() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return uint64(len(w.hist.Events))
}

var alice = domaintest.NewUser("alice")

// subscribes subscribes alice with a new sink.
func (w *world) subscribes(from domain.Cursor) *sink {
	s := &sink{t: w.t, from: from}
	s.subscribe(w, alice.ID)
	return s
}

func (w *world) trySubscribe(from domain.Cursor) (domain.Subscription, error) {
	return w.hub.Subscribe(context.Background(), alice.ID, w.hist.Room, from, &sink{t: w.t, from: from})
}

func after(seq uint64) domain.Cursor { return domain.Cursor{After: seq} }

var live = domain.Cursor{Live: true}

// settled waits until every goroutine of the bubble waits, for at most d of its time.
func settled(d time.Duration) {
	synctest.Wait()
	<-time.After(d)
	synctest.Wait()
}

// sink checks by itself that what it gets is dense and in order, and that the calls
// come in an order that Sink allows.
type sink struct {
	t    require.TestingT
	from domain.Cursor
	sub  domain.Subscription

	mu         sync.Mutex
	subscribed bool
	head, last uint64
	calls      int
	caughtUp   uint64 // 0: not yet
	reset      bool
	epoch      string // told by Reset
	mayReset   bool   // after Subscribed, too
	ended      error
	fails      error
	full       chan struct{} // when set, Flushed waits until it is closed
	refuses    int           // of the next Replays, since others have filled the backlog
	onEvents   func()        // called at the end of each Events, without the lock
}

func (s *sink) subscribe(w *world, user domain.UserID) {
	sub, err := w.hub.Subscribe(context.Background(), user, w.hist.Room, s.from, s)
	require.NoError(s.t, err)
	s.sub = sub
}

func (s *sink) Subscribed(head uint64, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.False(s.t, s.subscribed, "Subscribed came twice")
	s.subscribed, s.head, s.last = true, head, head
	if !s.from.Live {
		s.last = s.from.After
	}
}

func (s *sink) Events(frames []byte, n int, last uint64) error {
	if s.onEvents != nil {
		defer s.onEvents()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	s.calls++
	assert.True(s.t, s.subscribed && s.ended == nil, "events before Subscribed or after Ended")
	seqs := strings.Fields(string(frames))
	assert.Len(s.t, seqs, n)
	for _, text := range seqs {
		seq, err := strconv.ParseUint(text, 10, 64)
		assert.NoError(s.t, err)
		assert.Equal(s.t, s.last+1, seq, "a gap, a repeat, or the wrong order")
		s.last = seq
	}
	assert.Equal(s.t, last, s.last)
	return nil
}

func (s *sink) Flushed(ctx context.Context) error {
	s.mu.Lock()
	full := s.full
	s.mu.Unlock()
	if full == nil {
		return ctx.Err()
	}
	select {
	case <-full:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sink) Replay(frames []byte, n int, last uint64) error {
	s.mu.Lock()
	refused := s.refuses > 0
	if refused {
		s.refuses--
	}
	s.mu.Unlock()
	if refused {
		return domain.ErrNotFlushed
	}
	return s.Events(frames, n, last)
}

func (s *sink) CaughtUp(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.True(s.t, !s.from.Live && s.caughtUp == 0 && s.subscribed, "CaughtUp came twice or unasked")
	assert.GreaterOrEqual(s.t, seq, s.head, "not everything up to the head of the subscription")
	assert.Equal(s.t, s.last, seq)
	s.caughtUp = max(seq, 1)
}

func (s *sink) Reset(head uint64, epoch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.False(s.t, s.reset || s.ended != nil || s.subscribed && !s.mayReset)
	s.reset, s.head, s.epoch = true, head, epoch
}

func (s *sink) Ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.NoError(s.t, s.ended)
	s.ended = err
}

// has returns the newest seq that was delivered.
func (s *sink) has() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// fakeBus is a live bus in memory that delivers what it is told to.
type fakeBus struct {
	mu     sync.Mutex
	fails  error
	queues map[chan *message.Message]struct{}
	opened int
	ended  sync.WaitGroup
}

func (b *fakeBus) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails != nil {
		return nil, b.fails
	}
	in, out := make(chan *message.Message, 1<<16), make(chan *message.Message)
	if b.queues == nil {
		b.queues = map[chan *message.Message]struct{}{}
	}
	b.queues[in] = struct{}{}
	b.opened++
	b.ended.Go(func() {
		defer close(out)
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.queues, in)
		}()
		for {
			select {
			case m := <-in:
				select {
				case out <- m:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return out, nil
}

func (b *fakeBus) publish(m *message.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for in := range b.queues {
		in <- m.Copy()
	}
}

func (b *fakeBus) gap() { b.publish(fanout.NewGap()) }

func (b *fakeBus) failWith(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = err
}

func (b *fakeBus) subscriptions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queues)
}

func (b *fakeBus) Close() error { return nil }

// fakeLog is the room's whole sequence in memory. It is a domain.Timeline, and its
// two parts are a domain.Stream, of what is not trimmed, and a domain.Archive, of what
// is archived.
type fakeLog struct {
	mu       sync.Mutex
	records  []domain.Record
	archived uint64
	trimmed  uint64
	fails    error
	others   error // why the archive does not tell heads
	reads    int
	before   func(after uint64) // called before each read, without the lock
}

func (l *fakeLog) append(records ...domain.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, records...)
}

// archive and trim move on as a projector would: nothing is trimmed before it is
// archived, and the last entry stays.
func (l *fakeLog) archive(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.archived = min(l.archived+uint64(n), uint64(len(l.records)))
}

func (l *fakeLog) trim(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trimmed = min(l.trimmed+uint64(n), l.archived, uint64(len(l.records)-1))
}

// lose takes the newest n records away, as a Redis does that went back.
func (l *fakeLog) lose(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = slices.Clone(l.records[:len(l.records)-n])
}

func (l *fakeLog) failWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fails = err
}

func (l *fakeLog) head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.records))
}

func (l *fakeLog) Heads(_ context.Context, rooms ...domain.RoomID) ([]uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails != nil {
		return nil, l.fails
	}
	heads := make([]uint64, len(rooms))
	for i, room := range rooms {
		if len(l.records) > 0 && room == l.records[0].Room {
			heads[i] = uint64(len(l.records))
		}
	}
	return heads, nil
}

func (l *fakeLog) Range(_ context.Context, _ domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	return l.read(after, limit, func() (uint64, uint64) { return 0, uint64(len(l.records)) })
}

// read returns records within the bounds, which are asked for with the lock held.
func (l *fakeLog) read(after uint64, limit int, bounds func() (from, to uint64)) ([]domain.Record, error) {
	l.mu.Lock()
	before := l.before
	l.mu.Unlock()
	if before != nil {
		before(after)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	if l.fails != nil {
		return nil, l.fails
	}
	from, to := bounds()
	from = min(max(from, after), to)
	return slices.Clone(l.records[from:min(from+uint64(limit), to)]), nil
}

type fakeStream struct{ *fakeLog }

func (s fakeStream) Range(_ context.Context, _ domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	return s.read(after, limit, func() (uint64, uint64) { return s.trimmed, uint64(len(s.records)) })
}

type fakeArchive struct{ *fakeLog }

func (a fakeArchive) Head(context.Context, domain.RoomID) (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.archived, cmp.Or(a.fails, a.others)
}

func (a fakeArchive) Range(_ context.Context, _ domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	return a.read(after, limit, func() (uint64, uint64) { return 0, a.archived })
}

func (a fakeArchive) FindKey(context.Context, domain.RoomID, domain.UserID, string) (domain.Record, error) {
	return domain.Record{}, domain.ErrNotFound
}

const theEpoch = "epoch 1"

// fakeAccess lets everybody in but those who were removed.
type fakeAccess struct {
	mu      sync.Mutex
	removed map[domain.UserID]bool
	fails   error
	asked   int
	before  func() // called before each answer
	granted func() // called once, after access was granted
}

func (a *fakeAccess) remove(u domain.UserID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.removed == nil {
		a.removed = map[domain.UserID]bool{}
	}
	a.removed[u] = true
}

func (a *fakeAccess) failWith(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fails = err
}

func (a *fakeAccess) Admit(_ context.Context, u domain.UserID, _ domain.RoomID) (epoch string, err error) {
	a.mu.Lock()
	before := a.before
	a.mu.Unlock()
	if before != nil {
		before()
	}
	err = a.answer(u)
	a.mu.Lock()
	granted := a.granted
	a.granted = nil
	a.mu.Unlock()
	if err == nil && granted != nil {
		granted()
	}
	return theEpoch, err
}

func (a *fakeAccess) answer(u domain.UserID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	if a.fails != nil {
		return a.fails
	}
	if a.removed[u] {
		return domain.ErrRoomNotFound()
	}
	return nil
}

var errAway = errors.New("redis is away")
