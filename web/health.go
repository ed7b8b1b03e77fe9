package web

import (
	"net/http"
	"time"

	"confab/domain"
)

// getHealth says that the process is alive and answers; a supervisor restarts it
// when it does not. It asks nobody else: a dead database is not cured by a restart.
func (s *Server) getHealth(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ReadyStatus is what /readyz answers when it is. The warnings keep nobody from being
// served, but an operator has to know them.
type ReadyStatus struct {
	Status   string         `json:"status"`
	Warnings []ReadyProblem `json:"warnings,omitempty"`
}

// getReady says whether a proxy should send clients here, and if not, why.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request) {
	problems := s.cfg.Ready(r.Context())
	if s.draining.Load() {
		problems = append([]ReadyProblem{{Component: "node", Reason: "it is stopping"}}, problems...)
	}
	if len(problems) == 0 {
		answer(w, http.StatusOK, ReadyStatus{Status: "ready", Warnings: s.cfg.Warnings(r.Context())})
		return
	}
	writeProblem(w, r, problem{
		Status: http.StatusServiceUnavailable, Code: domain.CodeUnavailable,
		Detail: "this node cannot serve at the moment", Problems: problems,
	}, time.Second)
}
