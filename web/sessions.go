package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"confab/domain"
	"confab/web/accounts"
)

const sessionCookie = "session"

// caller is who sent a request.
type caller struct {
	domain.Session
	token string
}

// authenticate finds the caller by the bearer token or else the cookie. A broken
// Authorization header is an error even beside a good cookie.
func (s *Server) authenticate(r *http.Request) (caller, error) {
	var token string
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, t, ok := strings.Cut(h, " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return caller{}, domain.Errorf(domain.CodeUnauthenticated, "the header must be Authorization: Bearer <token>")
		}
		token = strings.TrimSpace(t)
	} else if c, err := r.Cookie(sessionCookie); err == nil {
		token = c.Value
	} else if errors.Is(err, http.ErrNoCookie) {
		return caller{}, domain.Errorf(domain.CodeUnauthenticated, "sign in first; send the session cookie or Authorization: Bearer <token>")
	}
	session, err := s.accounts.Authenticate(r.Context(), token)
	return caller{Session: session, token: token}, err
}

// signedIn makes a handler of one that needs a caller and may fail.
func (s *Server) signedIn(f func(http.ResponseWriter, *http.Request, caller) error) http.HandlerFunc {
	return s.anybody(func(w http.ResponseWriter, r *http.Request) error {
		c, err := s.authenticate(r)
		if err != nil {
			return err
		}
		return f(w, r, c)
	})
}

// anybody makes a handler of one that may fail, in which case it has written nothing.
func (s *Server) anybody(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

type sessionJSON struct {
	ID        string      `json:"id"`
	CreatedAt domain.Time `json:"created_at"`
	ExpiresAt domain.Time `json:"expires_at"`
	UserAgent string      `json:"user_agent"`
	Current   bool        `json:"current"`
}

func sessionOf(x domain.Session, current string) sessionJSON {
	return sessionJSON{x.ID, x.CreatedAt, x.ExpiresAt, x.UserAgent, x.ID == current}
}

func (s *Server) postSession(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if err := s.takeByAddress(r, "sign_in", signInLimit); err != nil {
		return err
	}
	// By account only a wrong password counts, or signing in often would lock one out. It
	// has to be paid for in advance: else all who guess at once would find a token left. A
	// name that is none is counted as it is.
	account, err := accounts.NameKey(in.Name)
	if err != nil {
		account = "\x00"
	}
	if err := s.limits.take("failed", account, failedLimit); err != nil {
		s.metrics.limited.WithLabelValues("failed_sign_in").Inc()
		return err
	}
	token, session, err := s.accounts.SignIn(r.Context(), in.Name, in.Password, r.UserAgent())
	if domain.CodeOf(err) != domain.CodeUnauthenticated {
		s.limits.giveBack("failed", account, failedLimit)
	}
	return s.welcome(w, r, token, session, err)
}

func (s *Server) postGuestSession(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if err := s.takeByAddress(r, "guest", guestLimit); err != nil {
		return err
	}
	token, session, err := s.accounts.SignInGuest(r.Context(), in.Name, r.UserAgent())
	return s.welcome(w, r, token, session, err)
}

// takeByAddress counts a request that hashes or makes something for a stranger.
func (s *Server) takeByAddress(r *http.Request, what string, l limit) error {
	err := s.limits.take(what, network(middleware.GetClientIPAddr(r.Context())), l)
	if err != nil {
		s.metrics.limited.WithLabelValues(what).Inc()
	}
	return err
}

// welcome hands out a new session. The one that the browser had before is left to
// itself: it may be in use elsewhere, and its owner sees it in the list.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request, token string, session domain.Session, err error) error {
	if err != nil {
		return err
	}
	s.setCookie(w, r, token, session.ExpiresAt.Time)
	answer(w, http.StatusCreated, struct {
		Token     string      `json:"token"`
		User      domain.User `json:"user"`
		ExpiresAt domain.Time `json:"expires_at"`
		Session   sessionJSON `json:"session"`
	}{token, session.User, session.ExpiresAt, sessionOf(session, session.ID)})
	return nil
}

func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, token string, expires time.Time) {
	c := &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.origins.secure(r),
		Expires: expires,
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *Server) getSessions(w http.ResponseWriter, r *http.Request, c caller) error {
	list, err := s.accounts.Sessions(r.Context(), c.User.ID)
	if err != nil {
		return err
	}
	out := make([]sessionJSON, 0, len(list))
	for _, x := range list {
		out = append(out, sessionOf(x, c.ID))
	}
	answer(w, http.StatusOK, map[string]any{"sessions": out})
	return nil
}

func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request, c caller) error {
	id := chi.URLParam(r, "id")
	if id == "current" {
		id = c.ID
	}
	if !domain.ValidID(id) {
		return domain.Errorf(domain.CodeNotFound, "you have no such session")
	}
	if err := s.accounts.End(r.Context(), c.User.ID, id); err != nil {
		return err
	}
	cookie, err := r.Cookie(sessionCookie)
	if id == c.ID && (err != nil || cookie.Value == c.token) { // else the cookie is another session's
		s.setCookie(w, r, "", time.Unix(0, 0))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
