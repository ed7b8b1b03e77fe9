package mongodb

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"confab/domain"
)

// Room implements domain.Views.
func (s *Store) Room(ctx context.Context, id domain.RoomID) (*domain.Room, error) {
	doc, err := findOne[roomDocument](ctx, s.rooms, bson.D{is("_id", id)})
	if err != nil {
		return nil, notFoundOr("read room", err)
	}
	// Read after the room, the members may be newer than it; applying what lies
	// between again changes nothing.
	members, err := find[memberDocument](ctx, s.members, ofRoom(id), nil, 0)
	if err != nil {
		return nil, storeError("read members", err)
	}
	room := doc.room()
	room.Members = map[domain.UserID]domain.Member{}
	for _, m := range members {
		room.Members[m.User] = m.member()
	}
	return &room, nil
}

// Applied implements domain.Views.
func (s *Store) Applied(ctx context.Context, id domain.RoomID) (uint64, error) {
	doc, err := findOne[roomDocument](ctx, s.rooms, bson.D{is("_id", id)})
	if errors.Is(err, domain.ErrNotFound) {
		return 0, nil
	}
	return doc.Seq, storeError("read applied seq", err)
}

// Rooms implements domain.Views: the user's rooms and the public ones, each in the
// order of an index, merged.
func (s *Store) Rooms(ctx context.Context, user domain.UserID, after domain.RoomID, limit int) ([]domain.RoomSummary, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	own, err := s.ownRooms(ctx, user, after, limit)
	if err != nil {
		return nil, storeError("list own rooms", err)
	}
	public, err := find[roomDocument](ctx, s.rooms,
		bson.D{is("visibility", domain.Public), above("_id", after)}, ascending("visibility", "_id"), limit)
	if err != nil {
		return nil, storeError("list public rooms", err)
	}
	if err := s.complete(ctx); err != nil {
		return nil, storeError("list rooms", err)
	}
	rooms := append(slices.Clone(own), public...)
	slices.SortFunc(rooms, compareRooms)
	rooms = slices.CompactFunc(rooms, func(a, b roomDocument) bool { return a.ID == b.ID })

	var list []domain.RoomSummary
	for _, r := range rooms[:min(limit, len(rooms))] {
		// own is complete up to its end, and if that is not the user's last room, the
		// list does not go beyond it.
		_, member := slices.BinarySearchFunc(own, r, compareRooms)
		list = append(list, domain.RoomSummary{ID: r.ID, Name: r.Name, Visibility: r.Visibility, Member: member})
	}
	return list, nil
}

// ownRooms returns the first limit rooms after one that the user is in, by id.
func (s *Store) ownRooms(ctx context.Context, user domain.UserID, after domain.RoomID, limit int) (own []roomDocument, err error) {
	for len(own) < limit {
		memberships, err := find[memberDocument](ctx, s.members,
			bson.D{is("user", user), above("room", after), above("role", "")}, ascending("user", "room"), limit)
		if err != nil || len(memberships) == 0 {
			return own, err
		}
		var ids []domain.RoomID
		for _, m := range memberships {
			ids = append(ids, m.Room)
		}
		// Not all of these need be there: a room is written after its members, and one
		// without a visibility has lost its creation.
		rooms, err := find[roomDocument](ctx, s.rooms, bson.D{in("_id", ids), above("visibility", "")}, nil, 0)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(rooms, compareRooms)
		own = append(own, rooms...)
		if len(memberships) < limit {
			break
		}
		after = ids[len(ids)-1]
	}
	return own, nil
}

func compareRooms(a, b roomDocument) int { return cmp.Compare(a.ID, b.ID) }

// Messages implements domain.Views.
func (s *Store) Messages(ctx context.Context, room domain.RoomID, p domain.Page) ([]domain.Message, error) {
	if p.Limit <= 0 {
		return nil, ctx.Err()
	}
	if p.Before == 0 {
		p.Before = math.MaxUint64
	}
	order := 1
	if !p.Forward {
		order = -1
	}
	docs, err := find[messageDocument](ctx, s.messages,
		bson.D{is("_id", bson.D{is("$gt", position(room, p.After)), is("$lt", position(room, p.Before))})},
		bson.D{is("_id", order)}, p.Limit)
	if err != nil {
		return nil, storeError("read messages", err)
	}
	var list []domain.Message
	for _, doc := range docs {
		list = append(list, doc.message(room))
	}
	return list, nil
}

func (d roomDocument) room() domain.Room {
	return domain.Room{
		ID: d.ID, Name: d.Name, Visibility: d.Visibility, Epoch: d.Epoch, EpochSeq: d.EpochSeq, CreatedAt: domain.At(d.CreatedAt),
		Seq: d.Seq, StateSeq: d.StateSeq,
	}
}

func roomOf(r domain.Room) roomDocument {
	return roomDocument{
		ID: r.ID, Name: r.Name, Visibility: r.Visibility, Epoch: r.Epoch, EpochSeq: r.EpochSeq, CreatedAt: r.CreatedAt.Time,
		Seq: r.Seq, StateSeq: r.StateSeq,
	}
}

func (d memberDocument) member() domain.Member {
	return domain.Member{User: domain.User{ID: d.User, Name: d.Name, Guest: d.Guest}, Role: d.Role, Seq: d.Seq}
}

func memberOf(room domain.RoomID, m domain.Member) memberDocument {
	return memberDocument{
		ID: string(room) + ":" + string(m.User.ID), Room: room,
		User: m.User.ID, Name: m.User.Name, Guest: m.User.Guest, Role: m.Role, Seq: m.Seq,
	}
}

func (d messageDocument) message(room domain.RoomID) domain.Message {
	return domain.Message{
		Room: room, Seq: d.Seq, ID: d.EventID, Key: d.Key, At: domain.At(d.At),
		Author: domain.User{ID: d.Author, Name: d.AuthorName, Guest: d.AuthorGuest}, Body: d.Body,
	}
}

func messageOf(e domain.Event) messageDocument {
	m := domain.MessageOf(e)
	return messageDocument{
		ID: position(m.Room, m.Seq), Seq: m.Seq, EventID: m.ID, Key: m.Key, At: m.At.Time,
		Author: m.Author.ID, AuthorName: m.Author.Name, AuthorGuest: m.Author.Guest, Body: m.Body,
	}
}
