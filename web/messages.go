package web

import (
	"net/http"

	"confab/domain"
)

// idempotencyKey returns the request's key, or "" when there is none and the server
// is to make one up.
func idempotencyKey(r *http.Request) (string, error) {
	v := r.Header.Values("Idempotency-Key")
	switch len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], domain.CheckKey(v[0])
	}
	return "", domain.Errorf(domain.CodeInvalid, "the header Idempotency-Key is there twice; send it once")
}

func (s *Server) postMessage(w http.ResponseWriter, r *http.Request, c caller) error {
	room, err := roomID(r)
	if err != nil {
		return err
	}
	var in struct {
		Body string `json:"body"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	receipt, err := s.cfg.Commands.PostMessage(r.Context(), c.User, room, key, in.Body)
	if err != nil {
		return err
	}
	answer(w, created(receipt), struct {
		Message domain.Message `json:"message"`
	}{domain.MessageOf(receipt.Event)})
	return nil
}
