package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"confab/domain"
)

type memberJSON struct {
	User domain.User `json:"user"`
	Role domain.Role `json:"role"`
}

// getMembers lists a room's members in the order in which they came.
func (s *Server) getMembers(w http.ResponseWriter, r *http.Request, c caller) error {
	id, err := roomID(r)
	if err != nil {
		return err
	}
	var list []domain.Member
	err = s.cfg.Commands.View(r.Context(), id, func(room *domain.Room) error {
		for _, m := range room.Members {
			if m.Role != "" {
				list = append(list, m)
			}
		}
		return room.CanRead(c.User.ID)
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b domain.Member) int { return cmp.Compare(a.Seq, b.Seq) })
	members := make([]memberJSON, len(list))
	for i, m := range list {
		members[i] = memberJSON{m.User, m.Role}
	}
	answer(w, http.StatusOK, map[string]any{"members": members})
	return nil
}

func (s *Server) putMember(w http.ResponseWriter, r *http.Request, c caller) error {
	room, id, err := roomAndUser(r, c)
	if err != nil {
		return err
	}
	u := c.User
	if id != c.User.ID {
		may := func(room *domain.Room) error { return room.CanAdd(c.User.ID, id) }
		if u, err = s.other(r.Context(), room, id, may); err != nil {
			return err
		}
	}
	if err := s.cfg.Commands.AddMember(r.Context(), c.User, room, u); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) deleteMember(w http.ResponseWriter, r *http.Request, c caller) error {
	room, id, err := roomAndUser(r, c)
	if err != nil {
		return err
	}
	if id != c.User.ID {
		may := func(room *domain.Room) error { return room.CanRemove(c.User.ID, id) }
		if _, err := s.other(r.Context(), room, id, may); err != nil {
			return err
		}
	}
	if err := s.cfg.Commands.RemoveMember(r.Context(), c.User, room, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// other finds somebody else, after the right to do something to them was asked for:
// who may not must not learn who exists. The command asks again, atomically.
func (s *Server) other(ctx context.Context, room domain.RoomID, id domain.UserID, may func(*domain.Room) error) (domain.User, error) {
	if err := s.cfg.Commands.View(ctx, room, may); err != nil {
		return domain.User{}, err
	}
	u, err := s.accounts.User(ctx, id)
	if errors.Is(err, domain.ErrNotFound) {
		return domain.User{}, errNoUser()
	}
	return u, err
}

func roomAndUser(r *http.Request, c caller) (domain.RoomID, domain.UserID, error) {
	room, err := roomID(r)
	if err != nil {
		return "", "", err
	}
	user, err := userID(r, c.User.ID)
	return room, user, err
}
