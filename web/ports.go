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
	// Subscribe starts feeding sink, until the subscription ends; ctx bounds only the
	// call itself. It asks whether user may read the room, and again whenever that may
	// have changed. Before it returns it has called Subscribed or Reset, or, on an
	// error, nothing.
	Subscribe(ctx context.Context, user domain.UserID, room domain.RoomID, from domain.Cursor, sink domain.Sink) (domain.Subscription, error)
}

// Control carries word between nodes that a session ended. It may lose some: caches
// expire by themselves.
type Control interface {
	Publish(topic string, messages ...*message.Message) error
	Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error)
}
