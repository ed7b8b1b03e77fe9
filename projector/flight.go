package projector

import (
	"context"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// flight is a message that is handed out, or waits in the channel, and is not acked. It
// is also the message's context, which ends with the Ack or with the subscription: one
// object where context.WithCancel needs four, since hardly anybody asks for Done.
type flight struct {
	context.Context //nolint:containedctx // the subscription's; this is a context

	id    string
	msg   *message.Message
	again time.Time // when it goes into the channel again after a Nack

	mu     sync.Mutex
	acked  bool
	done   <-chan struct{} // nil until somebody asks for it
	cancel context.CancelFunc
}

// Done is closed when the message is acked or its subscription ends.
func (f *flight) Done() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		ctx, cancel := context.WithCancel(f.Context)
		f.done, f.cancel = ctx.Done(), cancel
		if f.acked {
			cancel()
		}
	}
	return f.done
}

func (f *flight) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.acked {
		return context.Canceled
	}
	return f.Context.Err()
}

// end ends the context after the Ack.
func (f *flight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acked = true
	if f.cancel != nil {
		f.cancel()
	}
}

type flightKey struct{}

func (f *flight) Value(key any) any {
	if key == (flightKey{}) {
		return f
	}
	return f.Context.Value(key)
}

// EntryIDFromCtx returns the id that the entry of a message has in the log, from the
// message's context; "" if the message is not a Subscriber's.
func EntryIDFromCtx(ctx context.Context) string {
	if f, ok := ctx.Value(flightKey{}).(*flight); ok {
		return f.id
	}
	return ""
}
