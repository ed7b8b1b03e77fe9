package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

// page is how many records are read at a time.
const page = 500

// freshen makes the cached state one that holds every change acked before the call.
// It costs one look at the room's meta hash when nothing has changed, and all who come at
// once share their round trip.
func (s *Service) freshen(ctx context.Context, r *cachedRoom) error {
	seen := r.version() // of before the look, which therefore finds this at least
	state, err := s.states.At(ctx, r.id)
	if err != nil {
		return domain.Unavailable("Redis", err)
	}
	v := r.version()
	if state == 0 || seen.exists && seen.state > state { // Redis has lost a change
		return s.repair(ctx, r, v)
	}
	for !v.exists || v.state < state {
		if err := s.refresh(ctx, r, v, state); err != nil {
			return err
		}
		now := r.version()
		if now.state == v.state { // the change is in no event: the meta hash is wrong
			return s.repair(ctx, r, now)
		}
		v = now
	}
	return nil
}

// statesInRedis returns which event was the last to change each room, 0 for a room that is
// to be repaired first.
func (s *Service) statesInRedis(ctx context.Context, rooms ...domain.RoomID) ([]uint64, error) {
	return s.numbersInRedis(ctx, "state", rooms...)
}

// numbersInRedis reads a field of the rooms' meta hashes. It is 0 for a room that is to be
// repaired first, be it that somebody has put something else in its hash's place: then the
// others are not to fail with it.
func (s *Service) numbersInRedis(ctx context.Context, field string, rooms ...domain.RoomID) ([]uint64, error) {
	numbers := make([]uint64, 0, len(rooms))
	for some := range slices.Chunk(rooms, page) {
		pipe := s.config.Redis.Pipeline()
		answers := make([]*redis.SliceCmd, len(some))
		for i, room := range some {
			answers[i] = pipe.HMGet(ctx, s.partition(room).Meta(room), field, "since")
		}
		_, _ = pipe.Exec(ctx) // its error is that of an answer
		for _, answer := range answers {
			values, err := answer.Result()
			if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
				return nil, err
			}
			var number uint64
			if err == nil && values[1] != nil {
				text, _ := values[0].(string)
				number, _ = strconv.ParseUint(text, 10, 64)
			}
			numbers = append(numbers, number)
		}
	}
	return numbers, nil
}

func (s *Service) partition(room domain.RoomID) domain.Partition {
	return domain.PartitionOf(room, s.config.Partitions)
}

// catchUp renews a state of which the append script has said that it is stale: event state has
// changed the room.
func (s *Service) catchUp(ctx context.Context, r *cachedRoom, v version, state uint64) error {
	if err := s.refresh(ctx, r, v, state); err != nil {
		return err
	}
	if r.version() == v { // the change is in no event: the meta hash is wrong
		return s.repair(ctx, r, v)
	}
	return nil
}

// refresh reads what has happened since version v, at least up to a seq, unless somebody else
// has found a change meanwhile. It fails with CodeNotFound when there is no such room.
func (s *Service) refresh(ctx context.Context, r *cachedRoom, v version, upTo uint64) error {
	release, err := hold(ctx, r.reading)
	if err != nil {
		return err
	}
	defer release()
	now := r.version()
	if now.exists && now.state != v.state { // messages are appended all the time, and say nothing of others
		return nil
	}
	known := now.exists
	if known {
		epoch := r.epochSeq()
		if err := s.follow(ctx, r, upTo); err != nil {
			return err
		}
		known = r.epochSeq() == epoch // else what the old one ended with may not be in the history
	}
	if !known {
		if err := s.reread(ctx, r, max(upTo, r.version().seq)); err != nil {
			return err
		}
	}
	if !r.version().exists {
		s.rooms.drop(r)
		return domain.ErrRoomNotFound()
	}
	s.rooms.weigh(r)
	return nil
}

// reread replaces the state by what the views say, and the events after it. Nobody sees it
// before it is as new as the one that is replaced, which may go on meanwhile.
func (s *Service) reread(ctx context.Context, r *cachedRoom, upTo uint64) error {
	room, err := viewedRoom(ctx, s.config.Views, r.id)
	if err != nil {
		return err
	}
	aside := &cachedRoom{id: r.id, room: room}
	for refused := false; ; refused = true {
		before := aside.version().seq
		if err := s.follow(ctx, aside, upTo); err != nil {
			return err
		}
		lost := refused && aside.version().seq == before // what the other one has more of
		if r.replace(room, lost) {
			return nil
		}
		upTo = max(upTo, r.version().seq)
	}
}

// viewedRoom returns the state that the views know, or that before the first event.
func viewedRoom(ctx context.Context, views domain.Views, id domain.RoomID) (*domain.Room, error) {
	room, err := views.Room(ctx, id)
	switch {
	case errors.Is(err, domain.ErrNotFound):
		return domain.NewRoom(id), nil
	case err != nil:
		return nil, domain.Unavailable("the store", err)
	}
	return room, nil
}

// follow applies what the stream and, where it was trimmed meanwhile, the archive
// hold beyond the cached state, up to a seq or a little further: in a busy room there is
// always more. If something is missing between, it leaves the state
// as far as it got: the append script will find that out.
func (s *Service) follow(ctx context.Context, r *cachedRoom, upTo uint64) error {
	for {
		after := r.version().seq
		if after >= upTo {
			return nil
		}
		records, err := s.config.Stream.Range(ctx, r.id, after, page)
		if err != nil {
			return domain.Unavailable("Redis", err)
		}
		if len(records) > 0 && records[0].Seq > after+1 {
			if records, err = s.config.Archive.Range(ctx, r.id, after, page); err != nil {
				return domain.Unavailable("the archive", err)
			}
		}
		if len(records) == 0 {
			return nil
		}
		if err := r.applyRecords(records); err != nil {
			return fmt.Errorf("room %s: %w", r.id, err)
		}
	}
}

// repair puts back what Redis has forgotten of the room, unless that was done since
// version v.
func (s *Service) repair(ctx context.Context, r *cachedRoom, v version) error {
	release, err := hold(ctx, r.reading)
	if err != nil {
		return err
	}
	defer release()
	if r.version().repairs != v.repairs {
		return nil
	}
	return s.repairTo(ctx, r, r.version().seq)
}

// repairTo repairs the room, of which somebody has seen the events up to floor. The
// caller holds r.reading.
func (s *Service) repairTo(ctx context.Context, r *cachedRoom, floor uint64) error {
	room, err := s.repairs.repair(ctx, r.id, floor)
	if err != nil {
		if domain.CodeOf(err) == domain.CodeNotFound {
			s.rooms.drop(r)
		}
		return err
	}
	r.repaired(room)
	s.rooms.weigh(r)
	return nil
}

// findKey returns the event that the command's key was used for, or ErrNotFound.
func (s *Service) findKey(ctx context.Context, c *command) (domain.Record, error) {
	known, err := s.config.Redis.HMGet(ctx, s.partition(c.room).Meta(c.room), domain.KeyField(c.actor, c.key)).Result()
	if err != nil {
		return domain.Record{}, domain.Unavailable("Redis", err)
	}
	if seq, ok := known[0].(string); ok {
		n, err := strconv.ParseUint(seq, 10, 64)
		if err != nil {
			return domain.Record{}, fmt.Errorf("key of room %s: %w", c.room, err)
		}
		return s.recordOf(ctx, c.room, n, nil)
	}
	first, err := s.config.Archive.FindKey(ctx, c.room, c.actor, c.key)
	if err != nil && !errors.Is(err, domain.ErrNotFound) {
		err = domain.Unavailable("the archive", err)
	}
	return first, err
}

// recordOf returns the record of an event, whose payload may be known already, or
// ErrNotFound.
func (s *Service) recordOf(ctx context.Context, room domain.RoomID, seq uint64, payload []byte) (domain.Record, error) {
	if payload != nil {
		return domain.Record{Room: room, Seq: seq, Payload: payload}, nil
	}
	for _, source := range []interface {
		Range(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error)
	}{s.config.Stream, s.config.Archive} {
		records, err := source.Range(ctx, room, seq-1, 1)
		if err != nil {
			return domain.Record{}, domain.Unavailable("history", err)
		}
		if len(records) > 0 && records[0].Seq == seq {
			return records[0], nil
		}
	}
	return domain.Record{}, domain.ErrNotFound
}
