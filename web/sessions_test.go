package web_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
)

func cookieOf(t *testing.T, a reply) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	require.Len(t, cookies, 1)
	return cookies[0]
}

func TestCookie_flags(t *testing.T) {
	proxy := func(c *web.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }
	https := header("X-Forwarded-Proto", "https")
	stranger := func(r *http.Request) { r.RemoteAddr = "198.51.100.7:4711" }
	for _, x := range []struct {
		situation string
		config    []func(*web.Config)
		request   []func(*http.Request)
		secure    bool
	}{
		{"plain", nil, nil, false},
		{"behind a proxy with TLS", []func(*web.Config){proxy}, []func(*http.Request){https}, true},
		{"behind a proxy without TLS", []func(*web.Config){proxy}, nil, false},
		{"a stranger says TLS", []func(*web.Config){proxy}, []func(*http.Request){https, stranger}, false},
		{"nobody is trusted", nil, []func(*http.Request){https}, false},
	} {
		t.Run(x.situation, func(t *testing.T) {
			r := newRig(t, x.config...)
			a := r.ask("POST", "/api/v1/sessions/guest", `{"name":"ada"}`, x.request...).ok(http.StatusCreated)
			c := cookieOf(t, a)
			require.Equal(t, "session", c.Name)
			require.Equal(t, a.get("token"), c.Value)
			require.True(t, c.HttpOnly)
			require.Equal(t, http.SameSiteLaxMode, c.SameSite)
			require.Equal(t, "/", c.Path)
			require.Empty(t, c.Domain)
			require.Equal(t, r.clock().Add(30*24*time.Hour), c.Expires)
			require.Equal(t, x.secure, c.Secure)
			require.Equal(t, x.secure, a.header.Get("Strict-Transport-Security") != "")
		})
	}
}

func TestSession_byCookieOrByToken(t *testing.T) {
	r := newRig(t)
	ada, bob := r.guest("ada"), r.guest("bob")
	cookie := header("Cookie", "session="+ada.token)
	require.Equal(t, "ada", r.ask("GET", "/api/v1/me", "", cookie).ok(http.StatusOK).get("user", "name"))
	require.Equal(t, "bob", r.ask("GET", "/api/v1/me", "", cookie, header("Authorization", "bearer "+bob.token)).
		ok(http.StatusOK).get("user", "name"), "a token of one's own choosing comes first")
	for situation, h := range map[string]string{
		"another scheme": "Basic " + ada.token, "no token": "Bearer", "empty token": "Bearer ",
		"unknown token": "Bearer " + strings.Repeat("A", 26), "a long one": "Bearer " + strings.Repeat("A", 5000),
		"the id instead": "Bearer " + string(ada.user.ID),
	} {
		a := r.ask("GET", "/api/v1/me", "", cookie, header("Authorization", h))
		require.Equal(t, http.StatusUnauthorized, a.status, situation)
		require.NotEmpty(t, a.header.Get("WWW-Authenticate"))
	}
	r.ask("GET", "/api/v1/me", "", header("Cookie", "session=")).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
}

func TestSession_tokenIsNewAtEachSignIn(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	a := r.ask("POST", "/api/v1/sessions/guest", `{"name":"ada"}`, header("Cookie", "session="+ada.token)).ok(http.StatusCreated)
	require.NotEqual(t, ada.token, a.get("token"))
	require.Len(t, ada.token, 26, "130 bits in base 32")
}

func TestSessions_listAndEnd(t *testing.T) {
	r := newRig(t)
	body := `{"name":"ada","password":"correct horse"}`
	r.ask("POST", "/api/v1/users", body).ok(http.StatusCreated)
	signIn := func(agent string) person {
		a := r.ask("POST", "/api/v1/sessions", body, header("User-Agent", agent)).ok(http.StatusCreated)
		r.pass(time.Second)
		return person{r, userOf(a), a.get("token").(string)}
	}
	laptop, phone := signIn("laptop"), signIn("phone"+strings.Repeat("e", 300)+"\xff")
	list := laptop.ask("GET", "/api/v1/sessions", "").ok(http.StatusOK).list("sessions")
	require.Len(t, list, 2)
	first, second := list[0].(map[string]any), list[1].(map[string]any)
	require.Equal(t, "laptop", first["user_agent"])
	require.Equal(t, true, first["current"])
	require.Equal(t, false, second["current"])
	require.Len(t, second["user_agent"], 256)
	require.NotContains(t, laptop.ask("GET", "/api/v1/sessions", "").raw, laptop.token)

	phone.ask("GET", "/api/v1/me", "").ok(http.StatusOK) // now it is cached
	laptop.ask("DELETE", "/api/v1/sessions/"+second["id"].(string), "").ok(http.StatusNoContent)
	phone.ask("GET", "/api/v1/me", "").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
	laptop.ask("DELETE", "/api/v1/sessions/"+second["id"].(string), "").problem(http.StatusNotFound, domain.CodeNotFound)
	laptop.ask("DELETE", "/api/v1/sessions/..", "").problem(http.StatusNotFound, domain.CodeNotFound)

	eve := r.guest("eve")
	eve.ask("DELETE", "/api/v1/sessions/"+first["id"].(string), "").problem(http.StatusNotFound, domain.CodeNotFound)

	out := laptop.ask("DELETE", "/api/v1/sessions/current", "").ok(http.StatusNoContent)
	require.Negative(t, cookieOf(t, out).MaxAge)
	laptop.ask("GET", "/api/v1/me", "").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
}

// A page with a token of its own must not sign out the one that shares its cookies.
func TestSessions_endingOneLeavesAnothersCookie(t *testing.T) {
	r := newRig(t)
	tab, browser := r.guest("tab"), r.guest("browser")
	cookie := header("Cookie", "session="+browser.token)
	out := tab.ask("DELETE", "/api/v1/sessions/current", "", cookie).ok(http.StatusNoContent)
	require.Empty(t, out.header["Set-Cookie"])
	r.ask("GET", "/api/v1/me", "", cookie).ok(http.StatusOK)
	out = browser.ask("DELETE", "/api/v1/sessions/current", "", cookie).ok(http.StatusNoContent)
	require.Negative(t, cookieOf(t, out).MaxAge)
}

func TestSession_endsAfter30DaysUsedOrNot(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	r.pass(30*24*time.Hour - time.Second)
	ada.ask("GET", "/api/v1/me", "").ok(http.StatusOK) // in the cache for 30 seconds
	r.pass(time.Second)
	ada.ask("GET", "/api/v1/me", "").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
}
