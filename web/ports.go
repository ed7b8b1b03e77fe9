package web

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"confab/domain"
)

// Commands is what the server asks of ingest. Errors are *domain.Error where the
// client is to hear the reason.
type Commands interface {
	// CreateRoom and PostMessage are idempotent per actor and key. An empty key is
	// made up.
	CreateRoom(ctx context.Context, actor domain.User, name string, v domain.Visibility, key string) (domain.Receipt, error)
	PostMessage(ctx context.Context, actor domain.User, room domain.RoomID, key, body string) (domain.Receipt, error)
	// AddMember and RemoveMember do nothing when it is so already.
	AddMember(ctx context.Context, actor domain.User, room domain.RoomID, u domain.User) error
	RemoveMember(ctx context.Context, actor domain.User, room domain.RoomID, u domain.UserID) error
	// View calls f with the room's newest state, which f neither keeps nor changes.
	View(ctx context.Context, room domain.RoomID, f func(*domain.Room) error) error
	// CanRead asks domain.Room.CanRead of the newest state.
	CanRead(ctx context.Context, user domain.UserID, room domain.RoomID) error
}

// Hub is what the server asks of fanout.
type Hub interface {
	// Subscribe starts feeding sink, until the subscription or ctx ends. The caller
	// has the right to read; the hub checks again whenever it may have changed.
	Subscribe(ctx context.Context, user domain.UserID, room domain.RoomID, from Cursor, sink Sink) (Subscription, error)
}

// Cursor says where a subscription begins: after a seq, or, if Live, at the head.
type Cursor struct {
	After uint64
	Live  bool
}

// Subscription is one sink's place in a room.
type Subscription interface {
	// Close ends it. After its return no method of the sink is called any more.
	Close()
}

// Sink receives a subscription: Subscribed first, then Events, CaughtUp once, Events.
// Calls come one at a time. Only Flushed may block.
type Sink interface {
	// Subscribed tells the newest seq at the start.
	Subscribed(head uint64)
	// Events hands over n whole encoded frames, the last of seq last. An error means
	// that the connection is closed or over its backlog; the hub ends the subscription.
	Events(frames []byte, n int, last uint64) error
	// Flushed blocks until the backlog is small: the flow control of catching up.
	Flushed(ctx context.Context) error
	// CaughtUp tells that everything up to the head of this moment was handed over.
	CaughtUp(seq uint64)
	// Reset tells that the cursor is beyond the room's history. The subscription is over.
	Reset(head uint64)
	// Ended tells that the hub ended the subscription, and why.
	Ended(err error)
}

// Control carries word between nodes that a session ended. It may lose some: caches
// expire by themselves.
type Control interface {
	Publish(topic string, messages ...*message.Message) error
	Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error)
}
