package web

import (
	"log/slog"
	"net/http"
	"time"

	"confab/domain"
)

// reportLimit is per user: who sees so many violations tells us nothing new.
var reportLimit = limit{burst: 20, every: 10 * time.Second}

// postReport takes down that a client saw the server break rule 1. Whether the room is
// there, and whether the user may know, is not looked at: the answer tells nothing.
func (s *Server) postReport(w http.ResponseWriter, r *http.Request, c caller) error {
	var in struct {
		Kind string        `json:"kind"`
		Room domain.RoomID `json:"room"`
		Want uint64        `json:"want"`
		Got  uint64        `json:"got"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	switch {
	case in.Kind != "violation":
		return domain.Errorf(domain.CodeInvalid, "kind must be violation")
	case !domain.ValidID(string(in.Room)):
		return domain.Errorf(domain.CodeInvalid, "room must be the id of a room")
	case in.Want < 1 || in.Want > maxSeq || in.Got < 1 || in.Got > maxSeq || in.Want == in.Got:
		return domain.Errorf(domain.CodeInvalid, "want and got must be two seqs: whole numbers from 1 to %d", uint64(maxSeq))
	}
	if err := s.limits.take("report", string(c.User.ID), reportLimit); err != nil {
		s.metrics.limited.WithLabelValues("report").Inc()
		return err
	}
	s.metrics.violations.Inc()
	s.log.WarnContext(r.Context(), "a client saw a room's sequence broken",
		slog.String("request", requestID(r.Context())), slog.String("user", string(c.User.ID)),
		slog.String("room", string(in.Room)), slog.Uint64("want", in.Want), slog.Uint64("got", in.Got))
	w.WriteHeader(http.StatusNoContent)
	return nil
}
