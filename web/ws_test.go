package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
)

func TestUpgrade_origins(t *testing.T) {
	l := newLiveRig(t, func(c *web.Config) { c.Origins = []string{"https://chat.example.org"} })
	ada := l.guest("ada")
	own := l.http.URL
	host := strings.TrimPrefix(own, "http://")
	cookie := http.Header{"Cookie": {"session=" + ada.token}}
	for name, c := range map[string]struct {
		origin, host string
		bearer, ok   bool
	}{
		"its own":                       {origin: own, ok: true},
		"allowed":                       {origin: "https://chat.example.org", ok: true},
		"allowed, other scheme":         {origin: "http://chat.example.org"},
		"allowed, other port":           {origin: "https://chat.example.org:444"},
		"allowed as a prefix":           {origin: "https://chat.example.org.evil.test"},
		"allowed as a suffix":           {origin: "https://evil-chat.example.org"},
		"allowed in capitals":           {origin: "https://CHAT.example.org"},
		"its own, other scheme":         {origin: "https://" + host},
		"foreign":                       {origin: "http://evil.test"},
		"null":                          {origin: "null"},
		"none, with the cookie":         {ok: true},
		"none, with a bearer token":     {bearer: true, ok: true},
		"foreign, with a bearer token":  {origin: "http://evil.test", bearer: true},
		"foreign, with our host forged": {origin: "http://evil.test", host: host},
	} {
		t.Run(name, func(t *testing.T) {
			h := cookie.Clone()
			if c.bearer {
				h = bearer(ada)
			}
			if c.origin != "" {
				h.Set("Origin", c.origin)
			}
			ws, res, err := l.upgrade(h)
			if c.ok {
				require.NoError(t, err)
				ws.Close()
				return
			}
			refusedUpgrade(t, res, err, http.StatusForbidden, domain.CodeForbidden)
		})
	}
}

func TestUpgrade_needsASession(t *testing.T) {
	l := newLiveRig(t)
	for name, h := range map[string]http.Header{
		"nobody":          {},
		"nobody's page":   {"Origin": {l.http.URL}},
		"a wrong token":   {"Authorization": {"Bearer nonsense"}},
		"a wrong cookie":  {"Cookie": {"session=nonsense"}, "Origin": {l.http.URL}},
		"another scheme":  {"Authorization": {"Basic YTpi"}},
		"an empty bearer": {"Authorization": {"Bearer "}},
	} {
		t.Run(name, func(t *testing.T) {
			_, res, err := l.upgrade(h)
			refusedUpgrade(t, res, err, http.StatusUnauthorized, domain.CodeUnauthenticated)
		})
	}
}

func TestUpgrade_takesTheTokenOfAProtocol(t *testing.T) {
	l := newLiveRig(t)
	ada, bob := l.guest("ada"), l.guest("bob")
	page := http.Header{"Origin": {l.http.URL}, "Cookie": {"session=" + ada.token}}
	ws, res, err := l.upgrade(page, "confab.v1", "confab.bearer."+bob.token)
	require.NoError(t, err)
	defer ws.Close()
	require.Equal(t, "confab.v1", res.Header.Get("Sec-Websocket-Protocol"))
	require.Equal(t, "bob", hearWelcome(t, ws))

	_, res, err = l.upgrade(page, "confab.v1", "confab.bearer.nonsense")
	refusedUpgrade(t, res, err, http.StatusUnauthorized, domain.CodeUnauthenticated)
	_, res, err = l.upgrade(http.Header{"Origin": {"http://evil.test"}}, "confab.v1", "confab.bearer."+bob.token)
	refusedUpgrade(t, res, err, http.StatusForbidden, domain.CodeForbidden)
}

func TestUpgrade_ofAnOrdinaryRequest(t *testing.T) {
	l := newLiveRig(t)
	a := l.guest("ada").ask("GET", "/ws", "")
	a.problem(http.StatusBadRequest, domain.CodeInvalid)
}
