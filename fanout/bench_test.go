package fanout_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/fanout"
)

// countingSink counts and keeps nothing.
type countingSink struct{ events *atomic.Int64 }

func (s countingSink) Subscribed(uint64, string) {}
func (s countingSink) Events(_ []byte, n int, _ uint64) error {
	s.events.Add(int64(n))
	return nil
}
func (s countingSink) Flushed(context.Context) error { return nil }
func (s countingSink) Replay(frames []byte, n int, last uint64) error {
	return s.Events(frames, n, last)
}
func (s countingSink) CaughtUp(uint64)      {}
func (s countingSink) Reset(uint64, string) {}
func (s countingSink) Ended(error)          {}

// BenchmarkHub is the live path from the bus's connection to the sinks' Events, per
// event. What it allocates must not depend on the number of receivers.
func BenchmarkHub(b *testing.B) {
	for _, receivers := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("receivers=%d", receivers), func(b *testing.B) { benchHub(b, 1, receivers) })
	}
}

// BenchmarkHub_manyRooms is the same where each event goes to another room.
func BenchmarkHub_manyRooms(b *testing.B) { benchHub(b, 1000, 1) }

func benchHub(b *testing.B, rooms, receivers int) {
	w := newWorld(b, fanout.HubConfig{})
	bus := fanout.NewBus(clientOf(b, miniredis.RunT(b).Addr()), fanout.BusConfig{})
	defer bus.Close()
	hub := w.hubOn(bus, fanout.HubConfig{CheckEvery: time.Hour})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- hub.Run(ctx) }()
	defer func() { cancel(); assert.NoError(b, <-ended) }()
	var delivered atomic.Int64
	type message struct{ topic, data string }
	messages := make([]message, b.N)
	for i := range rooms {
		hist := domaintest.NewHistory(domain.NewID(), domain.Public).Posts(b.N / rooms)
		for j, rec := range hist.Records(1, 0) {
			if n := j*rooms + i; n < b.N {
				messages[n] = message{"live:" + string(hist.Room), "id\n\n" + string(rec.Payload)}
			}
		}
		for range receivers {
			require.Eventually(b, func() bool {
				_, err := hub.Subscribe(ctx, alice.ID, hist.Room, live, countingSink{&delivered})
				return err == nil
			}, time.Minute, time.Millisecond)
		}
	}
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	for i, m := range messages {
		for int64(i)-delivered.Load()/int64(receivers) > 500 { // or a queue would overflow
			runtime.Gosched()
		}
		bus.Bring(m.topic, m.data)
	}
	for delivered.Load() < int64(b.N*receivers) {
		runtime.Gosched()
	}
	b.ReportMetric(float64(delivered.Load())/b.Elapsed().Seconds(), "deliveries/s")
}

// directBus hands over what is put into it.
type directBus chan *message.Message

func (b directBus) Subscribe(context.Context, string) (<-chan *message.Message, error) { return b, nil }
func (b directBus) Close() error                                                       { return nil }

func BenchmarkTimeline_page(b *testing.B) {
	h := domaintest.NewHistory("room", domain.Public).Posts(999)
	log := &fakeLog{records: h.Records(1, 0), archived: 900, trimmed: 500}
	tl := fanout.NewTimeline(fakeStream{log}, fakeArchive{log})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tl.Range(b.Context(), h.Room, 10, 128); err != nil {
			b.Fatal(err)
		}
	}
}

// However many receive an event, passing it on allocates the same.
func TestHub_allocatesNothingPerReceiver(t *testing.T) {
	allocs := func(receivers int) float64 {
		w := newWorld(t, fanout.HubConfig{})
		feed := make(directBus)
		hub := w.hubOn(feed, fanout.HubConfig{CheckEvery: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- hub.Run(ctx) }()
		defer func() { cancel(); close(feed); assert.NoError(t, <-ended) }()
		passed := make(chan struct{})
		var delivered atomic.Int64
		for range receivers {
			s := &notifyingSink{countingSink{&delivered}, int64(receivers), passed}
			require.Eventually(t, func() bool {
				_, err := hub.Subscribe(ctx, alice.ID, w.hist.Room, live, s)
				return err == nil
			}, time.Minute, time.Millisecond)
		}
		const events = 200
		w.hist.Posts(events + 1) // one for warming up
		records := w.hist.Records(2, 0)
		return testing.AllocsPerRun(events, func() {
			feed <- message.NewMessage("", records[0].Payload)
			records = records[1:]
			<-passed
		})
	}
	few, many := allocs(1), allocs(500)
	assert.InDelta(t, few, many, 5, "1 receiver: %v, 500 receivers: %v", few, many)
}

// notifyingSink tells when all receivers have an event.
type notifyingSink struct {
	countingSink
	receivers int64
	passed    chan struct{}
}

func (s *notifyingSink) Events(_ []byte, n int, _ uint64) error {
	if s.events.Add(int64(n))%s.receivers == 0 {
		s.passed <- struct{}{}
	}
	return nil
}
