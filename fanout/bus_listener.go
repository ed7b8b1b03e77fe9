package fanout

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
)

// listener hands one subscriber the messages of its feed, each when the one before is
// acked; a nacked one comes again.
type listener struct {
	*Feed
	bus    *Bus
	filled chan struct{} // capacity 1
	out    chan *message.Message
}

func newListener(b *Bus, topic string) *listener {
	s := &listener{bus: b, filled: make(chan struct{}, 1), out: make(chan *message.Message)}
	s.Feed = b.newFeed(topic, func() {
		select {
		case s.filled <- struct{}{}:
		default:
		}
	})
	return s
}

// run ends with ctx or the bus.
func (s *listener) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer close(s.out)
	defer s.Close()
	for {
		e, ok := s.queue.pop()
		if ok {
			if !s.deliver(ctx, s.read(e)) {
				return
			}
			continue
		}
		select {
		case <-s.filled:
		case <-ctx.Done():
			return
		case <-s.bus.closing:
			return
		}
	}
}

// read makes the message of an entry.
func (s *listener) read(e entry) *message.Message {
	if e.gap {
		return gapMessage()
	}
	m, err := unmarshalMessage(e.payload)
	if err != nil {
		s.malformed(err)
		return gapMessage()
	}
	return m
}

// deliver returns when the message is acked, and false when the subscription ended.
func (s *listener) deliver(ctx context.Context, m *message.Message) bool {
	for {
		msgCtx, cancel := context.WithCancel(ctx)
		m.SetContext(msgCtx)
		acked, ok := s.offer(msgCtx, m)
		cancel()
		if acked || !ok {
			return ok
		}
		m = m.Copy()
	}
}

func (s *listener) offer(ctx context.Context, m *message.Message) (acked, ok bool) {
	select {
	case s.out <- m:
	case <-ctx.Done():
		return false, false
	case <-s.bus.closing:
		return false, false
	}
	select {
	case <-m.Acked():
		return true, true
	case <-m.Nacked():
		return false, true
	case <-ctx.Done():
		return false, false
	case <-s.bus.closing:
		return false, false
	}
}
