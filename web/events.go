package web

import (
	"context"
	"encoding/json"
	"net/http"

	"confab/domain"
)

// getEvents answers with the room's events as they are kept.
func (s *Server) getEvents(w http.ResponseWriter, r *http.Request, c caller) error {
	room, err := roomID(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	limit := q.limit()
	after, _ := q.seq("after", 0)
	if q.err != nil {
		return q.err
	}
	ctx := r.Context()
	head, err := s.head(ctx, room) // before access is asked for: what comes after a removal is beyond it
	if denied := s.cfg.Commands.CanRead(ctx, c.User.ID, room); denied != nil {
		return denied
	}
	if err != nil {
		return err
	}
	records, err := s.cfg.Timeline.Range(ctx, room, after, limit)
	if err != nil {
		return timelineFailed(err)
	}
	events := []json.RawMessage{}
	for _, rec := range records {
		if rec.Seq > head {
			break
		}
		events, after = append(events, rec.Payload), rec.Seq
	}
	answer(w, http.StatusOK, struct {
		Events []json.RawMessage `json:"events"`
		Head   uint64            `json:"head"`
		More   bool              `json:"more"`
	}{events, head, after < head})
	return nil
}

// head returns the newest seq of a room.
func (s *Server) head(ctx context.Context, room domain.RoomID) (uint64, error) {
	heads, err := s.cfg.Timeline.Heads(ctx, room)
	if err != nil {
		return 0, timelineFailed(err)
	}
	return heads[0], nil
}

func timelineFailed(err error) error { return failed("the log", err) }
func viewsFailed(err error) error    { return failed("the history", err) }

// failed keeps an error that was made to be shown, and calls the others unavailable.
func failed(what string, err error) error {
	if domain.CodeOf(err) != domain.CodeInternal {
		return err
	}
	return domain.Unavailable(what, err)
}
