package sqlite

import (
	"context"
	"math"
	"time"

	"confab/domain"
)

// Room implements domain.Views.
func (s *Store) Room(ctx context.Context, id domain.RoomID) (*domain.Room, error) {
	room, err := one(ctx, s, "read room", scanRoom(id), selectRoom, id)
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

func scanRoom(id domain.RoomID) func(scanner) (*domain.Room, error) {
	return func(row scanner) (*domain.Room, error) {
		r := domain.NewRoom(id)
		var createdAt int64
		err := row.Scan(&r.Name, &r.Visibility, &r.Epoch, &r.EpochSeq, &createdAt, &r.StateSeq, &r.Seq)
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
	query := selectMessagesBackward
	if p.Forward {
		query = selectMessagesForward
	}
	if p.Before == 0 {
		p.Before = math.MaxInt64
	}
	return list(ctx, s, "read messages", func(row scanner) (domain.Message, error) {
		rec, err := scanRecord(room)(row)
		if err != nil {
			return domain.Message{}, err
		}
		e, err := rec.Event()
		return domain.MessageOf(e), err
	}, query, room, integer(p.After), integer(p.Before), max(p.Limit, 0))
}

func fromMillis(ms int64) domain.Time { return domain.At(time.UnixMilli(ms)) }
