package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"confab/domain"
)

const (
	// maxAttempts bounds how often a command is decided again because others changed
	// the room meanwhile.
	maxAttempts = 64
	// projectedWithin is how long an answer waits for the views. It is a courtesy only.
	projectedWithin = 2 * time.Second
)

// decision decides on a state: the event, whether there is anything to do, or why not.
type decision func(*domain.Room) (e domain.Event, needed bool, err error)

// command is what a call asks for.
type command struct {
	name     string
	room     domain.RoomID
	actor    domain.UserID
	key      string
	keyIsNew bool // made here, so nobody has used it
	creates  bool // the room
	changes  bool // the room's state
	decide   decision
	content  domain.Event // what another use of a client's key is compared with

	fresh   bool   // decided on a state that was read after the command came
	checked uint64 // the archive has no event with this key before this seq
}

// neverUsed is what a key made here is checked up to: above every seq, and exact as a
// Lua number.
const neverUsed = 1 << 53

// errAgain says that what was in the way is out of it.
var errAgain = errors.New("try again")

// do carries a command out and waits until its event is durable. The Receipt of a
// command that had nothing to do is zero.
func (s *Service) do(ctx context.Context, c command) (domain.Receipt, error) {
	receipt, err := s.execute(ctx, &c)
	if err == nil && receipt.Event.Seq != 0 {
		err = s.settle(ctx, &c, receipt.Event.Seq)
	}
	return s.answer(c, receipt, err)
}

func (s *Service) answer(c command, receipt domain.Receipt, err error) (domain.Receipt, error) {
	s.metrics.answered(c.name, receipt, err)
	if err != nil {
		return domain.Receipt{}, err
	}
	return receipt, nil
}

func (s *Service) execute(ctx context.Context, c *command) (domain.Receipt, error) {
	if !domain.ValidID(string(c.room)) {
		return domain.Receipt{}, domain.ErrRoomNotFound()
	}
	r := s.rooms.get(c.room)
	if err := s.prepare(ctx, r, c); err != nil {
		return domain.Receipt{}, err
	}
	if c.changes {
		// Of two changes decided at once, one would have to be decided again.
		release, err := hold(ctx, r.changing)
		if err != nil {
			return domain.Receipt{}, err
		}
		defer release()
	}
	receipt, err := s.append(ctx, r, c)
	if err != nil && !r.version().exists {
		s.rooms.drop(r)
	}
	return receipt, err
}

// prepare makes sure that there is a state to decide on.
func (s *Service) prepare(ctx context.Context, r *cachedRoom, c *command) error {
	v := r.version()
	if v.exists {
		return nil
	}
	var err error
	if !c.creates || !c.keyIsNew {
		err = s.refresh(ctx, r, v, math.MaxUint64)
	}
	if c.creates && (err == nil || domain.CodeOf(err) == domain.CodeNotFound) {
		r.begin(domain.NewRoom(c.room))
		return nil
	}
	return err
}

// append tries until the event is in the log, turns out to be there already, or is
// refused.
func (s *Service) append(ctx context.Context, r *cachedRoom, c *command) (domain.Receipt, error) {
	if c.keyIsNew {
		c.checked = neverUsed
	} else if since := r.keysSince(); since > 1 && !isUUIDv7(c.key) {
		// The script would only ask, which it seldom does for a UUIDv7; this saves a round trip.
		if receipt, err := s.askArchive(ctx, r, c, since); !errors.Is(err, errAgain) {
			return receipt, err
		}
	}
	for range maxAttempts {
		receipt, err := s.try(ctx, r, c)
		if !errors.Is(err, errAgain) {
			return receipt, err
		}
	}
	return domain.Receipt{}, domain.Unavailable("the room", errors.New("others change it all the time"))
}

// isUUIDv7 is a guess: the script decides.
func isUUIDv7(key string) bool { return len(key) == 36 && key[14] == '7' }

// try decides and publishes once. It returns errAgain when it was stopped by
// something that it has dealt with.
func (s *Service) try(ctx context.Context, r *cachedRoom, c *command) (domain.Receipt, error) {
	e, needed, v, err := r.decide(c.decide)
	if err != nil || !needed {
		return s.refuse(ctx, r, c, err)
	}
	if e.Seq, err = s.publish(ctx, e, v, c.checked); err != nil {
		return s.overcome(ctx, r, c, v, err)
	}
	if err := r.apply(e); err != nil {
		return domain.Receipt{}, err
	}
	if c.changes {
		s.rooms.weigh(r)
	}
	return domain.Receipt{Event: e}, nil
}

// refuse tells the client that a command is refused (or not needed, when err is nil),
// but only if it is so by the state of now: somebody may have joined through another
// node a moment ago.
func (s *Service) refuse(ctx context.Context, r *cachedRoom, c *command, err error) (domain.Receipt, error) {
	code := domain.CodeOf(err)
	if code == domain.CodeInvalid || code == domain.CodeTooLarge {
		return domain.Receipt{}, err
	}
	if !c.fresh {
		c.fresh = true
		if err := s.freshen(ctx, r); err != nil {
			return domain.Receipt{}, err
		}
		return domain.Receipt{}, errAgain
	}
	if err == nil {
		return domain.Receipt{}, s.settle(ctx, c, r.version().state) // what made it unneeded is acked too
	}
	if (code == domain.CodeForbidden || code == domain.CodeConflict) && !c.keyIsNew {
		// What was sent before one left stays sent, and a room made once is made.
		first, findErr := s.findKey(ctx, c)
		switch {
		case findErr == nil:
			return repeated(c, first)
		case !errors.Is(findErr, domain.ErrNotFound):
			return domain.Receipt{}, findErr
		}
	}
	return domain.Receipt{}, err
}

// overcome deals with what the append script answered instead of appending an event
// that was decided on the state of version v.
func (s *Service) overcome(ctx context.Context, r *cachedRoom, c *command, v version, err error) (domain.Receipt, error) {
	var (
		ask   *AskError
		stale *StaleError
		known *DuplicateError
	)
	switch {
	case errors.As(err, &ask):
		return s.askArchive(ctx, r, c, ask.Since)
	case errors.As(err, &known):
		first, findErr := s.recordOf(ctx, c.room, known.Seq, known.Payload)
		if findErr == nil {
			return repeated(c, first)
		}
		if !errors.Is(findErr, domain.ErrNotFound) {
			return domain.Receipt{}, findErr
		}
		err = s.repair(ctx, r, v)
	case errors.As(err, &stale):
		c.fresh = true
		err = s.catchUp(ctx, r, v, stale.State)
	case errors.Is(err, ErrBehind):
		err = s.repair(ctx, r, v)
	}
	if err == nil {
		err = errAgain
	}
	return domain.Receipt{}, err
}

// askArchive looks for a use of the key that Redis no longer knows of.
func (s *Service) askArchive(ctx context.Context, r *cachedRoom, c *command, since uint64) (domain.Receipt, error) {
	first, err := s.config.Archive.FindKey(ctx, c.room, c.actor, c.key)
	switch {
	case err == nil:
		return repeated(c, first)
	case !errors.Is(err, domain.ErrNotFound):
		return domain.Receipt{}, domain.Unavailable("the archive", err)
	}
	r.setKeysSince(since)
	c.checked = since
	return domain.Receipt{}, errAgain
}

// repeated answers a command whose key was used before, for first.
func repeated(c *command, first domain.Record) (domain.Receipt, error) {
	e, err := first.Event()
	if err != nil {
		return domain.Receipt{}, fmt.Errorf("event %d of room %s: %w", first.Seq, first.Room, err)
	}
	if !c.keyIsNew && !e.SameContent(c.content) {
		return domain.Receipt{}, domain.Errorf(domain.CodeConflict, "this key was used for something else, event %d; use a new one", e.Seq)
	}
	return domain.Receipt{Event: e, Duplicate: !c.keyIsNew}, nil
}

// publish appends the event to the log and returns its seq.
func (s *Service) publish(ctx context.Context, e domain.Event, v version, checked uint64) (uint64, error) {
	payload, seqAt, err := domain.EncodeUnsequenced(e)
	if err != nil {
		return 0, err
	}
	return s.config.Publisher.Append(ctx, Append{
		Log: domain.PartitionOf(e.Room, s.config.Partitions).Log(), Room: e.Room, ID: e.ID, Payload: payload, SeqAt: seqAt,
		Key: domain.KeyField(e.Actor.ID, e.Key), Floor: v.seq, State: v.state, Checked: checked, ChangesRoom: e.Kind.ChangesRoom(),
	})
}

// settle waits until the room's events up to seq may be acked.
func (s *Service) settle(ctx context.Context, c *command, seq uint64) error {
	if s.config.Durable != nil {
		if err := s.config.Durable.Await(ctx, c.room, seq); err != nil {
			return domain.Unavailable("the store", err)
		}
	}
	if c.changes && s.config.Projected != nil {
		ctx, cancel := context.WithTimeout(ctx, projectedWithin)
		defer cancel()
		_ = s.config.Projected.Await(ctx, c.room, seq) // the event is durable anyhow
	}
	return nil
}
