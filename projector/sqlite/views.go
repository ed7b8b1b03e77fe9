package sqlite

import (
	"context"
	"math"
	"slices"
	"time"

	"confab/domain"
)

// Room implements domain.Views.
func (s *Store) Room(ctx context.Context, id domain.RoomID) (*domain.Room, error) {
	room, err := one(ctx, s, "read room", scanRoom(id, s.recent.head(id)), selectRoom, id)
	if err != nil {
		return nil, err
	}
	// Read after the room, the members may be newer than it; applying what lies
	// between again changes nothing.
	members, err := list(ctx, s, "read members", scanMember, selectMembers, id)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		room.Members[m.User.ID] = m
	}
	return room, nil
}

// scanRoom returns a room at the newest seq that its state is known to be that of: of its
// events that were recent before (head), of those in blocks, or of the one that
// changed the state last, which may have come since.
func scanRoom(id domain.RoomID, head uint64) func(scanner) (*domain.Room, error) {
	return func(row scanner) (*domain.Room, error) {
		r := domain.NewRoom(id)
		var createdAt int64
		err := row.Scan(&r.Name, &r.Visibility, &r.Epoch, &r.EpochSeq, &createdAt, &r.StateSeq, &r.Seq)
		r.Seq = max(r.Seq, r.StateSeq, head)
		r.CreatedAt = fromMillis(createdAt)
		return r, err
	}
}

func scanMember(row scanner) (m domain.Member, err error) {
	return m, row.Scan(&m.User.ID, &m.User.Name, &m.User.Guest, &m.Role, &m.Seq)
}

// Applied implements domain.Views. Archive and views are written together.
func (s *Store) Applied(ctx context.Context, id domain.RoomID) (uint64, error) {
	return s.Head(ctx, id)
}

// Rooms implements domain.Views.
func (s *Store) Rooms(ctx context.Context, user domain.UserID, after domain.RoomID, limit int) ([]domain.RoomSummary, error) {
	return list(ctx, s, "list rooms", func(row scanner) (r domain.RoomSummary, err error) {
		return r, row.Scan(&r.ID, &r.Name, &r.Visibility, &r.Member)
	}, selectRooms, user, after, max(limit, 0))
}

// Messages implements domain.Views.
func (s *Store) Messages(ctx context.Context, room domain.RoomID, p domain.Page) ([]domain.Message, error) {
	limit := max(p.Limit, 0)
	if p.Before == 0 {
		p.Before = math.MaxInt64
	}
	recent := s.recent.of(room)
	newer, err := messages(until(after(recent, p.After), p.Before))
	if err != nil {
		return nil, storeError("read messages", err)
	}
	older := func(query string, limit int) ([]domain.Message, error) {
		records, err := s.stored(ctx, "read messages", query, room, p.After, min(p.Before, before(recent)), limit)
		if err != nil {
			return nil, err
		}
		page, err := messages(records)
		return page, storeError("read messages", err)
	}
	if p.Forward {
		page, err := older(selectMessagesForward, limit)
		return append(page, newer[:min(limit-len(page), len(newer))]...), err
	}
	page := newer[max(len(newer)-limit, 0):]
	slices.Reverse(page)
	if len(page) == limit {
		return page, nil
	}
	rest, err := older(selectMessagesBackward, limit-len(page))
	return append(page, rest...), err
}

// messages returns the messages among records.
func messages(records []domain.Record) (page []domain.Message, err error) {
	for _, rec := range records {
		e, err := rec.Event()
		if err != nil {
			return nil, err
		}
		if e.Kind == domain.MessagePosted {
			page = append(page, domain.MessageOf(e))
		}
	}
	return page, nil
}

func fromMillis(ms int64) domain.Time { return domain.At(time.UnixMilli(ms)) }
