package domain

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is returned by ports for what does not exist.
var ErrNotFound = errors.New("not found")

// ErrDiverged is returned when an event is to be kept under a position that holds
// another event already. It never happens while Redis keeps its promises; retrying
// does not help.
var ErrDiverged = errors.New("another event has this room and seq")

// ErrGap is returned when a record neither continues a room's archive nor repeats
// it: the records between are to be projected first.
var ErrGap = errors.New("records before this one are missing")

// Stream is the hot window of every room, in Redis.
type Stream interface {
	// Heads returns the newest seq of each room, 0 for a room that Redis does not hold.
	Heads(ctx context.Context, rooms ...RoomID) ([]uint64, error)
	// Range returns up to limit records after a seq, in order, without gaps between
	// them. The first may be later than after+1: what is older was trimmed.
	Range(ctx context.Context, room RoomID, after uint64, limit int) ([]Record, error)
}

// Timeline is the whole sequence of every room, wherever its parts are kept.
type Timeline interface {
	// Heads returns the newest seq of each room, 0 for a room without events. Those that it
	// returns with an error are true, but for 0, which then says nothing.
	Heads(ctx context.Context, rooms ...RoomID) ([]uint64, error)
	// Range returns up to limit records from after+1 on, in order and without a gap;
	// none when there is nothing after it.
	Range(ctx context.Context, room RoomID, after uint64, limit int) ([]Record, error)
}

// Archive holds every event once, for ever.
type Archive interface {
	// Head returns the newest archived seq of a room, 0 if there is none.
	Head(ctx context.Context, room RoomID) (uint64, error)
	// Range returns up to limit records after a seq, in order; none at the end.
	Range(ctx context.Context, room RoomID, after uint64, limit int) ([]Record, error)
	// FindKey returns the event that user sent to room with key, or ErrNotFound.
	FindKey(ctx context.Context, room RoomID, user UserID, key string) (Record, error)
}

// Projection writes history. One caller at a time for a room.
type Projection interface {
	// Project archives the records and applies them to the views. It returns when
	// all of it is durable. A room's records come in seq order and without a gap, in
	// the batch and to what is archived. Doing it again changes nothing; doing it with
	// other content under the same seq is ErrDiverged, and archives nothing of that;
	// leaving out a seq is ErrGap, and archives nothing behind the gap. The store may keep
	// the payloads: nobody changes them afterwards.
	Project(ctx context.Context, batch []Record) error
	// Rebuild drops the views and makes them again from the archive. Nobody else may
	// write meanwhile; readers see history come back, and may get CodeUnavailable.
	Rebuild(ctx context.Context) error
}

// Views are what the archive means now.
type Views interface {
	// Room returns a room's state at the seq up to which the views are applied, or
	// ErrNotFound. The caller may change it.
	Room(ctx context.Context, id RoomID) (*Room, error)
	// Applied returns the seq up to which a room's events are in all the views, 0 if none.
	Applied(ctx context.Context, id RoomID) (uint64, error)
	// Rooms lists the user's rooms and the public ones with an id greater than after,
	// by id, at most limit.
	Rooms(ctx context.Context, user UserID, after RoomID, limit int) ([]RoomSummary, error)
	// Messages returns a page of a room's messages.
	Messages(ctx context.Context, room RoomID, p Page) ([]Message, error)
}

// RoomSummary is a line of the list of rooms.
type RoomSummary struct {
	ID         RoomID
	Name       string
	Visibility Visibility
	Member     bool // the user for whom it was listed is a member
}

// Page selects messages with After < seq < Before: the oldest of them first when
// Forward, else the newest first; at most Limit. Before 0 means no upper bound.
type Page struct {
	After, Before uint64
	Forward       bool
	Limit         int
}

// Account is a registered user or a guest.
type Account struct {
	User
	// NameKey is the canonical form of the name, the same for all names that people
	// would take for each other. Unique among registered users; empty for guests.
	NameKey string
	// PasswordHash is a PHC string; empty for guests.
	PasswordHash string
	CreatedAt    Time
}

// Session is one sign-in. The token itself is never kept.
type Session struct {
	ID        string
	TokenHash string // hex SHA-256 of the token
	User      User
	CreatedAt Time
	ExpiresAt Time
	UserAgent string
}

// Accounts keeps users and their sessions.
type Accounts interface {
	// CreateAccount fails with a CodeConflict *Error when the NameKey is taken.
	CreateAccount(ctx context.Context, a Account) error
	// Account and AccountByName return ErrNotFound when there is none.
	Account(ctx context.Context, id UserID) (Account, error)
	AccountByName(ctx context.Context, nameKey string) (Account, error)

	CreateSession(ctx context.Context, s Session) error
	// SessionByToken returns ErrNotFound when there is none or it expired before now.
	SessionByToken(ctx context.Context, tokenHash string, now time.Time) (Session, error)
	// LiveSessions returns which of the token hashes, in any order, are those of sessions
	// that SessionByToken would return.
	LiveSessions(ctx context.Context, tokenHashes []string, now time.Time) ([]string, error)
	// Sessions lists the user's sessions that have not expired, oldest first.
	Sessions(ctx context.Context, user UserID, now time.Time) ([]Session, error)
	// DeleteSession returns ErrNotFound when the user has no such session.
	DeleteSession(ctx context.Context, user UserID, id string) error
}

// Store is everything a store keeps. Its implementations are projector/sqlite,
// projector/mongodb and, for tests, domaintest.MemoryStore; domaintest.TestStore
// admits them.
type Store interface {
	Archive
	Projection
	Views
	Accounts
	// ID names the history that is kept here. It is made when the store is, or first asked
	// for, and stays the same for whoever opens it.
	ID(ctx context.Context) (string, error)
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
	Close() error
}

// Cursor says where a subscription begins: after a seq, or, if Live, at the head.
type Cursor struct {
	After uint64
	Epoch string // that After belongs to, if the subscriber knows: in another one it means nothing
	Live  bool
}

// Subscription is one sink's place in a room.
type Subscription interface {
	// Head returns the newest seq of the room that is known here: what the log has said
	// a moment ago, whether it was delivered or not. It does not block.
	Head() uint64
	// Close ends it. After its return no method of the sink is called any more.
	// Closing it again does nothing. It must not be called from a method of the sink.
	Close()
}

// ErrNotFlushed tells who catches up to wait for Sink.Flushed again.
var ErrNotFlushed = errors.New("the backlog is not small any more")

// Sink receives a subscription: Subscribed first, then Events, CaughtUp once (of a
// cursor that is not Live), Events. Calls come one at a time. Only Flushed may block.
type Sink interface {
	// Subscribed tells the newest seq and the room's epoch at the start.
	Subscribed(head uint64, epoch string)
	// Events hands over n whole encoded frames, joined; the last one's seq is last. An
	// error means that the connection is closed or over its backlog: the subscription is
	// over. The bytes are shared by all sinks and must not be changed.
	Events(frames []byte, n int, last uint64) error
	// Flushed blocks until the backlog is small: the flow control of catching up.
	Flushed(ctx context.Context) error
	// Replay is Events for who catches up, after Flushed. It takes nothing and returns
	// ErrNotFlushed if the backlog is small no more: others of the connection waited, too.
	Replay(frames []byte, n int, last uint64) error
	// CaughtUp tells that everything up to the head of this moment was handed over.
	CaughtUp(seq uint64)
	// Reset tells that the cursor is beyond the room's history, or of another epoch, or, after Subscribed, that
	// what was handed over may not be its history any more; epoch is then the new one, or
	// "" if nobody could say. The subscription is over.
	Reset(head uint64, epoch string)
	// Ended tells that the hub ended the subscription, and why.
	Ended(err error)
}
