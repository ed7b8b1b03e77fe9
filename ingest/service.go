package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"confab/domain"
	"confab/domain/fresh"
)

// Awaiter tells when the store has an event.
type Awaiter interface {
	// Await returns when the store has the room's event seq, or with the context's error.
	Await(ctx context.Context, room domain.RoomID, seq uint64) error
}

// Appender is a *Publisher, or one decorated.
type Appender interface {
	Append(ctx context.Context, a Append) (seq uint64, err error)
}

// Config says what a Service works with.
type Config struct {
	Publisher  Appender
	Redis      redis.UniversalClient
	Stream     domain.Stream
	Archive    domain.Archive
	Views      domain.Views
	Partitions int

	// Durable, if set, is waited for before a command is answered: where Redis does
	// not survive its process. Nil: an event is durable when it is in the log.
	Durable Awaiter
	// Projected, if set, is waited for a moment after joins, leaves and creations, so
	// that lists show their author what they did.
	Projected Awaiter

	// HotWindow is how many archived events a repair puts back into Redis. Default 1000.
	HotWindow int
	// LostAfter is how long a repair waits for events to turn up in the archive that
	// Redis has issued and lost, before it writes them off. Default 2 s.
	LostAfter time.Duration
	// Recent, if set, returns what this node has delivered of a room lately and still
	// holds: a sequence, maybe empty. When Redis went back, repairs gather it from all
	// nodes. Nil: a repair goes by Redis and the archive only.
	Recent func(room domain.RoomID) []domain.Record
	// Grace is how long a repair waits for what other nodes hold. Default 3 s: a hub
	// looks at the heads every 2 s.
	Grace time.Duration
	// CacheLimit bounds the cached rooms and their members, together. Default 200,000.
	CacheLimit int

	// Limits turns the rate limit of sends on: SendRate a second (default 20) and
	// SendBurst at once (default 60), per user and node.
	Limits    bool
	SendRate  float64
	SendBurst int

	Now        func() time.Time // default time.Now
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (c *Config) setDefaults() error {
	if c.Publisher == nil || c.Redis == nil || c.Stream == nil || c.Archive == nil || c.Views == nil || c.Partitions < 1 {
		return errors.New("publisher, redis, stream, archive, views and partitions are needed")
	}
	if c.HotWindow < 1 {
		c.HotWindow = 1000
	}
	if c.LostAfter <= 0 {
		c.LostAfter = 2 * time.Second
	}
	if c.Grace <= 0 {
		c.Grace = 3 * time.Second
	}
	if c.CacheLimit < 1 {
		c.CacheLimit = 200_000
	}
	if c.SendRate <= 0 {
		c.SendRate = 20
	}
	if c.SendBurst < 1 {
		c.SendBurst = 60
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Service takes commands. Its methods return when the event is durable, or with a
// *domain.Error; a CodeUnavailable one leaves it open whether the event was
// appended, and the same command with the same key finds out. They are safe for
// concurrent use, by any number of nodes.
type Service struct {
	config  Config
	rooms   *rooms
	states  *fresh.Looks[domain.RoomID, uint64]
	limit   *rateLimit // nil: off
	repairs *repairer
	metrics *serviceMetrics
}

// NewService returns a Service. It has no goroutines and needs no closing.
func NewService(config Config) (*Service, error) {
	if err := config.setDefaults(); err != nil {
		return nil, fmt.Errorf("new ingest service: %w", err)
	}
	s := &Service{config: config, rooms: newRooms(config.CacheLimit)}
	s.states = fresh.New(s.statesInRedis)
	if config.Limits {
		s.limit = newRateLimit(config.SendRate, config.SendBurst)
	}
	var err error
	if s.metrics, err = newServiceMetrics(config.Registerer, s.rooms.len); err != nil {
		return nil, fmt.Errorf("new ingest service: %w", err)
	}
	s.repairs = &repairer{
		redis: config.Redis, archive: config.Archive, views: config.Views, partitions: config.Partitions,
		hotWindow: uint64(config.HotWindow), lostAfter: config.LostAfter, now: config.Now, recent: config.Recent, grace: config.Grace,
		logger: config.Logger, metrics: s.metrics,
	}
	return s, nil
}

// CreateRoom makes a room that actor owns. The same key again answers with the first
// result; without a key every call makes a room.
func (s *Service) CreateRoom(ctx context.Context, actor domain.User, name string, v domain.Visibility, key string) (domain.Receipt, error) {
	c := command{name: "create_room", room: domain.RoomID(domain.NewID()), actor: actor.ID, key: key, creates: true, changes: true}
	if key == "" {
		c.key, c.keyIsNew = domain.NewID(), true
	} else if err := domain.CheckKey(key); err != nil {
		return s.answer(c, domain.Receipt{}, err)
	} else {
		c.room = roomIDOf(actor.ID, key)
	}
	c.content = domain.Event{Kind: domain.RoomCreated, Name: name, Visibility: v}
	c.decide = func(r *domain.Room) (domain.Event, bool, error) {
		if r.Exists() {
			return domain.Event{}, false, domain.Errorf(domain.CodeConflict, "this room exists")
		}
		e, err := s.by(actor, c.key).CreateRoom(c.room, name, v)
		return e, true, err
	}
	return s.do(ctx, c)
}

// roomIDOf makes the id of a room out of the key of its creation, so that the key
// coming again finds the room. It looks like any other id.
func roomIDOf(actor domain.UserID, key string) domain.RoomID {
	sum := sha256.Sum256([]byte("room\x00" + string(actor) + "\x00" + key))
	id := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))
	return domain.RoomID(id[:len(domain.NewID())])
}

// PostMessage appends a message. An empty key is replaced by one made here.
func (s *Service) PostMessage(ctx context.Context, actor domain.User, room domain.RoomID, key, body string) (domain.Receipt, error) {
	c := command{name: "post_message", room: room, actor: actor.ID, key: key}
	if s.limit != nil {
		if err := s.limit.allow(actor.ID, s.config.Now()); err != nil {
			return s.answer(c, domain.Receipt{}, err)
		}
	}
	if key == "" {
		c.key, c.keyIsNew = domain.NewID(), true
	}
	c.content = domain.Event{Kind: domain.MessagePosted, Body: body}
	used := c.key // c itself is large, and need not go to the heap
	c.decide = func(r *domain.Room) (domain.Event, bool, error) {
		e, err := s.by(actor, used).PostMessage(r, body)
		return e, true, err
	}
	return s.do(ctx, c)
}

// AddMember makes u a member: by joining if u is the actor. It is idempotent.
func (s *Service) AddMember(ctx context.Context, actor domain.User, room domain.RoomID, u domain.User) error {
	return s.changeMember(ctx, "add_member", actor, room, func(c domain.Command, r *domain.Room) (domain.Event, bool, error) {
		return c.AddMember(r, u)
	})
}

// RemoveMember ends u's membership: by leaving if u is the actor. It is idempotent.
func (s *Service) RemoveMember(ctx context.Context, actor domain.User, room domain.RoomID, u domain.UserID) error {
	return s.changeMember(ctx, "remove_member", actor, room, func(c domain.Command, r *domain.Room) (domain.Event, bool, error) {
		return c.RemoveMember(r, u)
	})
}

func (s *Service) changeMember(ctx context.Context, name string, actor domain.User, room domain.RoomID,
	decide func(domain.Command, *domain.Room) (domain.Event, bool, error),
) error {
	c := command{name: name, room: room, actor: actor.ID, key: domain.NewID(), keyIsNew: true, changes: true}
	c.decide = func(r *domain.Room) (domain.Event, bool, error) { return decide(s.by(actor, c.key), r) }
	_, err := s.do(ctx, c)
	return err
}

// View calls f with the room's state as of now: every change that was acked anywhere
// before the call is in it. f must be quick and neither keep nor change the room.
// View returns f's error, or CodeNotFound when there is no such room.
func (s *Service) View(ctx context.Context, room domain.RoomID, f func(*domain.Room) error) error {
	if !domain.ValidID(string(room)) {
		return domain.ErrRoomNotFound()
	}
	r := s.rooms.get(room)
	if err := s.freshen(ctx, r); err != nil {
		return err
	}
	return r.view(f)
}

// CanRead asks domain.Room.CanRead on the state as of now.
func (s *Service) CanRead(ctx context.Context, user domain.UserID, room domain.RoomID) error {
	return s.View(ctx, room, func(r *domain.Room) error { return r.CanRead(user) })
}

// Admit is CanRead that also tells the room's epoch.
func (s *Service) Admit(ctx context.Context, user domain.UserID, room domain.RoomID) (epoch string, err error) {
	err = s.View(ctx, room, func(r *domain.Room) error {
		epoch = r.Epoch
		return r.CanRead(user)
	})
	return epoch, err
}

// Repair puts back what Redis has forgotten of a room, of which somebody at this node
// has seen the events up to seq. It may take as long as the grace for other nodes.
func (s *Service) Repair(ctx context.Context, room domain.RoomID, seq uint64) error {
	if !domain.ValidID(string(room)) {
		return domain.ErrRoomNotFound()
	}
	r := s.rooms.get(room)
	release, err := hold(ctx, r.reading)
	if err != nil {
		return err
	}
	defer release()
	floor := max(seq, r.version().seq)
	if heads, err := s.numbersInRedis(ctx, "head", room); err == nil && heads[0] > 0 && heads[0] >= floor {
		return nil // somebody else was faster
	}
	return s.repairTo(ctx, r, floor)
}

// ResetRoom begins a new epoch of a room, of which somebody at this node was given an
// event with seq seen that is not its history: Redis has lost it, and others went on.
// It returns the epoch that is in force then. It is idempotent, at all nodes together.
func (s *Service) ResetRoom(ctx context.Context, room domain.RoomID, seen uint64) (epoch string, err error) {
	c := command{name: "reset_room", room: room, key: domain.NewID(), keyIsNew: true, changes: true}
	c.decide = func(r *domain.Room) (domain.Event, bool, error) { return s.by(domain.User{}, c.key).ResetRoom(r, seen) }
	s.rooms.drop(s.rooms.get(room)) // a state of that other history
	if _, err := s.do(ctx, c); err != nil {
		return "", err
	}
	err = s.View(ctx, room, func(r *domain.Room) error { epoch = r.Epoch; return nil })
	return epoch, err
}

func (s *Service) by(actor domain.User, key string) domain.Command {
	return domain.Command{Actor: actor, Key: key, At: s.config.Now()}
}
