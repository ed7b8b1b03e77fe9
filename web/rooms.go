package web

import (
	"context"
	"net/http"

	"confab/domain"
)

type roomJSON struct {
	ID         domain.RoomID     `json:"id"`
	Name       string            `json:"name"`
	Visibility domain.Visibility `json:"visibility"`
	Head       uint64            `json:"head"`
	Member     bool              `json:"member"`

	// Of a single room only.
	Role      domain.Role `json:"role,omitempty"`
	Epoch     string      `json:"epoch,omitempty"`
	CreatedAt domain.Time `json:"created_at,omitzero"`
}

type roomAnswer struct {
	Room roomJSON `json:"room"`
}

func (s *Server) postRoom(w http.ResponseWriter, r *http.Request, c caller) error {
	var in struct {
		Name       string            `json:"name"`
		Visibility domain.Visibility `json:"visibility"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	receipt, err := s.cfg.Commands.CreateRoom(r.Context(), c.User, in.Name, in.Visibility, key)
	if err != nil {
		return err
	}
	e := receipt.Event
	answer(w, created(receipt), roomAnswer{roomJSON{
		ID: e.Room, Name: e.Name, Visibility: e.Visibility, Head: e.Seq, Member: true,
		Role: domain.Owner, Epoch: e.ID, CreatedAt: e.At,
	}})
	return nil
}

// created is the status of a command that makes something: 201 the first time, 200
// when the key was known.
func created(receipt domain.Receipt) int {
	if receipt.Duplicate {
		return http.StatusOK
	}
	return http.StatusCreated
}

// getRooms lists the caller's rooms and the public ones, by id, with fresh heads.
func (s *Server) getRooms(w http.ResponseWriter, r *http.Request, c caller) error {
	q := queryOf(r)
	limit, after := q.limit(), q.roomsCursor()
	if q.err != nil {
		return q.err
	}
	list, err := s.cfg.Views.Rooms(r.Context(), c.User.ID, after, limit+1)
	if err != nil {
		return viewsFailed(err)
	}
	next := ""
	if len(list) > limit {
		list = list[:limit]
		next = roomsCursor(list[limit-1].ID)
	}
	if list, err = s.stillReadable(r.Context(), c.User.ID, list); err != nil {
		return err
	}
	ids := make([]domain.RoomID, len(list))
	for i, x := range list {
		ids[i] = x.ID
	}
	heads, err := s.cfg.Timeline.Heads(r.Context(), ids...)
	if err != nil {
		return timelineFailed(err)
	}
	rooms := make([]roomJSON, len(list))
	for i, x := range list {
		rooms[i] = roomJSON{ID: x.ID, Name: x.Name, Visibility: x.Visibility, Head: heads[i], Member: x.Member}
	}
	answer(w, http.StatusOK, struct {
		Rooms []roomJSON `json:"rooms"`
		Next  string     `json:"next"`
	}{rooms, next})
	return nil
}

// stillReadable drops the private rooms that the user has left since the views were
// brought up to date: their names and heads are nobody else's business.
func (s *Server) stillReadable(ctx context.Context, u domain.UserID, list []domain.RoomSummary) ([]domain.RoomSummary, error) {
	kept := list[:0]
	for _, x := range list {
		if x.Visibility != domain.Public {
			err := s.cfg.Commands.CanRead(ctx, u, x.ID)
			if domain.CodeOf(err) == domain.CodeNotFound {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		kept = append(kept, x)
	}
	return kept, nil
}

func (s *Server) getRoom(w http.ResponseWriter, r *http.Request, c caller) error {
	id, err := roomID(r)
	if err != nil {
		return err
	}
	var out roomJSON
	err = s.cfg.Commands.View(r.Context(), id, func(room *domain.Room) error {
		role := room.RoleOf(c.User.ID)
		out = roomJSON{
			ID: room.ID, Name: room.Name, Visibility: room.Visibility, Head: room.Seq, Member: role != "",
			Role: role, Epoch: room.Epoch, CreatedAt: room.CreatedAt,
		}
		return room.CanRead(c.User.ID)
	})
	if err != nil {
		return err
	}
	head, err := s.head(r.Context(), id)
	if err != nil {
		return err
	}
	out.Head = max(out.Head, head) // messages do not change the state
	answer(w, http.StatusOK, roomAnswer{out})
	return nil
}
