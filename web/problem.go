package web

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"confab/domain"
)

// problem is an error as REST tells it (RFC 9457).
type problem struct {
	Type         string         `json:"type"`
	Title        string         `json:"title"`
	Status       int            `json:"status"`
	Code         domain.Code    `json:"code"`
	Detail       string         `json:"detail"`
	RequestID    string         `json:"request_id,omitempty"`
	RetryAfterMS int64          `json:"retry_after_ms,omitempty"`
	Problems     []ReadyProblem `json:"problems,omitempty"` // of /readyz
}

// fail answers with what a client may see of err.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := s.shown(r.Context(), err)
	writeProblem(w, r, problem{Status: statusOf(e.Code), Code: e.Code, Detail: e.Message}, e.RetryAfter)
}

// Refuse answers with e, and why a node is not ready, as a Server would where there is
// none, or none yet.
func Refuse(w http.ResponseWriter, r *http.Request, e *domain.Error, problems ...ReadyProblem) {
	withRequestID(securityHeaders(noStore(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, problem{Status: statusOf(e.Code), Code: e.Code, Detail: e.Message, Problems: problems}, e.RetryAfter)
	})))).ServeHTTP(w, r)
}

func writeProblem(w http.ResponseWriter, r *http.Request, p problem, retryAfter time.Duration) {
	p.Type = "urn:confab:problem:" + string(p.Code)
	p.Title = codes[p.Code].title
	p.RequestID = requestID(r.Context())
	if p.Code == domain.CodeRateLimited || p.Code == domain.CodeUnavailable {
		p.RetryAfterMS = spread(retryAfter).Milliseconds()
		seconds := (p.RetryAfterMS + 999) / 1000
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	if p.Code == domain.CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="confab"`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = encodeJSON(w, p) // the client is gone: there is nobody to tell
}

// spread makes a time to come back of d, at least a quarter of a second, and up to
// half as much longer, so that clients told at once do not come back at once.
func spread(d time.Duration) time.Duration {
	d = max(d, 250*time.Millisecond)
	return d + rand.N(d/2)
}

// answer writes v as the JSON body of a success.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = encodeJSON(w, v) // the client is gone: there is nobody to tell
}

func encodeJSON(w http.ResponseWriter, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // nosniff and the content type keep it out of pages
	return enc.Encode(v)
}

// notFound answers where no route leads.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, domain.Errorf(domain.CodeNotFound, "there is nothing at this path; see /api/v1/openapi.yaml"))
}
