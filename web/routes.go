package web

import (
	"cmp"
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"confab/domain"
)

//go:embed openapi.yaml
var openAPI []byte

// routes is the server's map.
func (s *Server) routes() (http.Handler, error) {
	r := chi.NewRouter()
	r.Use(withRequestID, securityHeaders, s.strictTransport, s.recovered, s.clientIP(), middleware.GetHead)
	r.NotFound(s.notFound)
	r.MethodNotAllowed(s.methodNotAllowed(r))

	r.Get("/ws", s.serveWS) // neither wrapped nor timed: it is hijacked
	r.With(noStore).Group(func(r chi.Router) {
		r.Get("/healthz", s.getHealth)
		r.Get("/readyz", s.getReady)
		r.Get("/metrics", promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{Registry: s.cfg.Registry}).ServeHTTP)
	})
	r.Route("/api", func(r chi.Router) {
		r.Use(noStore, s.observed, s.recovered, withTimeout, s.crossOriginGuard) // recovered again, so that a panic is observed
		r.NotFound(s.notFound)
		r.Route("/v1", s.api)
	})
	r.Get("/*", s.servePage)
	return r, nil
}

// api is the REST part of the wire contract; openapi.yaml describes it.
func (s *Server) api(r chi.Router) {
	r.Get("/openapi.yaml", serveOpenAPI)
	r.Get("/asyncapi.yaml", serveAsyncAPI)

	r.Post("/users", s.anybody(s.postUser))
	r.Post("/sessions", s.anybody(s.postSession))
	r.Post("/sessions/guest", s.anybody(s.postGuestSession))
	r.Get("/sessions", s.signedIn(s.getSessions))
	r.Delete("/sessions/{id}", s.signedIn(s.deleteSession)) // or "current"
	r.Get("/me", s.signedIn(s.getMe))

	r.Post("/rooms", s.signedIn(s.postRoom))
	r.Get("/rooms", s.signedIn(s.getRooms))
	r.Get("/rooms/{room}", s.signedIn(s.getRoom))
	r.Get("/rooms/{room}/members", s.signedIn(s.getMembers))
	r.Put("/rooms/{room}/members/{user}", s.signedIn(s.putMember))
	r.Delete("/rooms/{room}/members/{user}", s.signedIn(s.deleteMember))
	r.Post("/rooms/{room}/messages", s.signedIn(s.postMessage))
	r.Get("/rooms/{room}/messages", s.signedIn(s.getMessages))
	r.Get("/rooms/{room}/events", s.signedIn(s.getEvents))

	r.Post("/reports", s.signedIn(s.postReport))
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	_, _ = w.Write(openAPI) // the client is gone: there is nobody to tell
}

// methodNotAllowed answers where a path has other methods, and for methods that nobody has
// heard of, with which chi does not look at the path.
func (s *Server) methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}
	return func(w http.ResponseWriter, r *http.Request) {
		path := cmp.Or(r.URL.RawPath, r.URL.Path) // as chi does: %2F is no slash
		allowed := slices.DeleteFunc(slices.Clone(methods), func(m string) bool {
			return !routes.Match(chi.NewRouteContext(), m, path)
		})
		if len(allowed) == 0 {
			s.notFound(w, r)
			return
		}
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead) // by middleware.GetHead
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, r, problem{
			Status: http.StatusMethodNotAllowed, Code: domain.CodeInvalid,
			Detail: "this path does not know the method; it knows " + strings.Join(allowed, ", "),
		}, 0)
	}
}
