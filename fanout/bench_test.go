package fanout_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/fanout"
)

// countingSink counts and keeps nothing.
type countingSink struct{ events *atomic.Int64 }

func (s countingSink) Subscribed(uint64) {}
func (s countingSink) Events(_ []byte, n int, _ uint64) error {
	s.events.Add(int64(n))
	return nil
}
func (s countingSink) Flushed(context.Context) error { return nil }
func (s countingSink) CaughtUp(uint64)               {}
func (s countingSink) Reset(uint64, string)          {}
func (s countingSink) Ended(error)                   {}

// BenchmarkHub is the live path from the bus's channel to the sinks' Events, per
// event. What it allocates must not depend on the number of receivers.
func BenchmarkHub(b *testing.B) {
	for _, receivers := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("receivers=%d", receivers), func(b *testing.B) {
			w := newWorld(b, fanout.HubConfig{})
			w.hist.Posts(b.N)
			var messages []*message.Message
			for _, rec := range w.hist.Records(2, 0) {
				messages = append(messages, message.NewMessage("", rec.Payload))
			}
			feed := make(directBus)
			hub := w.hubOn(feed, fanout.HubConfig{})
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- hub.Run(ctx) }()
			defer func() { cancel(); close(feed); assert.NoError(b, <-ended) }()
			var delivered atomic.Int64
			for range receivers {
				require.Eventually(b, func() bool {
					_, err := hub.Subscribe(ctx, alice.ID, w.hist.Room, live, countingSink{&delivered})
					return err == nil
				}, time.Minute, time.Millisecond)
			}
			b.ReportAllocs()
			for b.ResetTimer(); len(messages) > 0; messages = messages[1:] {
				feed <- messages[0]
			}
			require.Eventually(b, func() bool { return delivered.Load() == int64(b.N*receivers) }, time.Minute, time.Millisecond)
			b.ReportMetric(float64(delivered.Load())/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
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
