package web

import (
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"confab/domain"
)

// originPolicy knows whose pages may act in a signed-in person's name.
type originPolicy struct {
	allowed map[string]bool
	trusted []netip.Prefix
	guard   *http.CrossOriginProtection
}

func newOriginPolicy(origins []string, trusted []netip.Prefix) (originPolicy, error) {
	p := originPolicy{allowed: map[string]bool{}, trusted: trusted, guard: http.NewCrossOriginProtection()}
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || o != u.Scheme+"://"+strings.ToLower(u.Host) {
			return p, fmt.Errorf("origin %q must be scheme://host[:port] in lower case, such as https://chat.example.org", o)
		}
		if err := p.guard.AddTrustedOrigin(o); err != nil {
			return p, fmt.Errorf("origin %q: %w", o, err)
		}
		p.allowed[o] = true
	}
	return p, nil
}

// allows decides on an upgrade to WebSocket, which the cross-origin guard lets pass
// because it is a GET. Without an Origin there is no page: every browser tells it when
// it opens a WebSocket (RFC 6455, 4.1), and no page can keep it from that.
func (p originPolicy) allows(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	if len(origins) > 1 {
		return false
	}
	scheme := "http"
	if p.secure(r) {
		scheme = "https"
	}
	return p.allowed[origins[0]] || origins[0] == scheme+"://"+strings.ToLower(r.Host)
}

// secure reports whether the client came by TLS, to us or to a proxy that we trust.
func (p originPolicy) secure(r *http.Request) bool {
	return r.TLS != nil || p.fromProxy(r) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func (p originPolicy) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, prefix := range p.trusted {
		if prefix.Contains(peer.Addr().Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// crossOriginGuard refuses requests that another site's page makes with the
// visitor's cookie. What tells no origin at all is no browser of this decade; for
// the others a JSON body is demanded (see readJSON), which no form can send.
func (s *Server) crossOriginGuard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.origins.guard.Check(r); err != nil {
			s.fail(w, r, domain.Errorf(domain.CodeForbidden, "this site may not use the API in your name; the operator can allow it with CONFAB_ORIGINS"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// jsonTyped accepts the content type of a request with a body: JSON, or none at all
// from a client that shows a token of its own accord.
func jsonTyped(r *http.Request) bool {
	v := r.Header.Get("Content-Type")
	if v == "" {
		_, err := r.Cookie(sessionCookie)
		return err != nil
	}
	t, _, err := mime.ParseMediaType(v)
	return err == nil && t == "application/json"
}
