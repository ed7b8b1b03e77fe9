package fanout

import (
	"context"
	"unsafe"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Feed is a subscription to a topic whose messages are taken. It costs no goroutine:
// the reader of the connection puts them into the feed's queue.
type Feed struct {
	topic string
	queue *queue
	close func()
	// malformed is told of bytes that are no message. They stand for something that cannot
	// be delivered: a gap.
	malformed func(error)
	live      bool    // guarded by Bus.mu: Redis had confirmed it, so a lost connection is a gap
	spare     []entry // scratch
}

// Take appends the payloads of all messages that have come to payloads; they are only to
// be read. It reports whether some may be missing before, between or behind them. It does
// not wait. One goroutine at a time may call it.
func (f *Feed) Take(payloads [][]byte) (_ [][]byte, gap bool) {
	taken := f.queue.take(f.spare[:0])
	for _, e := range taken {
		if e.gap {
			gap = true
		} else if _, _, payload, err := splitMessage(e.payload); err != nil {
			f.malformed(err)
			gap = true
		} else {
			// Nobody writes to an event's bytes, so the string's need not be copied.
			payloads = append(payloads, unsafe.Slice(unsafe.StringData(payload), len(payload)))
		}
	}
	clear(taken) // nothing of them is kept alive
	f.spare = small(taken)
	return payloads, gap
}

// small keeps scratch for the next time, unless a burst has made it large.
func small[T any](scratch []T) []T {
	if cap(scratch) > 256 {
		return nil
	}
	return scratch
}

// Close ends the feed. It must be called once.
func (f *Feed) Close() { f.close() }

// Follow is Subscribe without a goroutine and a channel: the messages are to be taken
// from the feed. filled is called when there are some; it must not wait, and may come
// more often than needed. ctx bounds only the call.
func (b *Bus) Follow(ctx context.Context, topic string, filled func()) (*Feed, error) {
	f := b.newFeed(topic, filled)
	if err := b.add(ctx, f); err != nil {
		return nil, err
	}
	return f, nil
}

func (b *Bus) newFeed(topic string, filled func()) *Feed {
	f := &Feed{topic: topic, queue: newQueue(b.cfg.QueueMessages, b.cfg.QueueBytes, filled)}
	f.close = func() { b.drop(f) }
	f.malformed = func(err error) {
		b.metrics.gaps.WithLabelValues("malformed").Inc()
		b.log.Error("live bus brought bytes that are no message", "topic", topic, "error", err)
	}
	return f
}

// followChannel makes a feed of a subscription to any message.Subscriber.
func followChannel(ctx context.Context, s message.Subscriber, topic string, filled func()) (*Feed, error) {
	ctx, cancel := context.WithCancel(ctx)
	messages, err := s.Subscribe(ctx, topic)
	if err != nil {
		cancel()
		return nil, err
	}
	f := &Feed{topic: topic, queue: newQueue(defaultQueueMessages, defaultQueueBytes, filled)}
	ended := make(chan struct{})
	go func() { // ends with Close
		defer close(ended)
		for m := range messages {
			if data, err := marshalMessage(m); err != nil || IsGap(m) {
				f.queue.pushGap()
			} else {
				f.queue.push(string(data))
			}
			m.Ack()
		}
	}()
	f.close = func() { cancel(); <-ended }
	return f, nil
}
