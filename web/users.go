package web

import (
	"net/http"

	"confab/domain"
)

type userAnswer struct {
	User domain.User `json:"user"`
}

func (s *Server) postUser(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if err := s.takeByAddress(r, "sign_up", signUpLimit); err != nil {
		return err
	}
	u, err := s.accounts.SignUp(r.Context(), in.Name, in.Password)
	if err != nil {
		return err
	}
	answer(w, http.StatusCreated, userAnswer{u})
	return nil
}

func (s *Server) getMe(w http.ResponseWriter, r *http.Request, c caller) error {
	answer(w, http.StatusOK, struct {
		userAnswer
		Session sessionJSON `json:"session"`
	}{userAnswer{c.User}, sessionOf(c.Session, c.ID)})
	return nil
}
