package web_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
)

// TestCSRF posts a room with a visitor's cookie from all sorts of places.
func TestCSRF(t *testing.T) {
	const good = http.StatusCreated
	body := `{"name":"Square","visibility":"public"}`
	for _, x := range []struct {
		situation string
		headers   map[string]string
		status    int
	}{
		{"own page", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://example.com"}, good},
		{"own page, old browser", map[string]string{"Origin": "http://example.com"}, good},
		{"no browser", nil, good},
		{"allowed page", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://partner.example"}, good},
		{"foreign page", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		{"foreign page, old browser", map[string]string{"Origin": "https://evil.example"}, 403},
		{"subdomain", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://x.example.com"}, 403},
		{"sandbox", map[string]string{"Origin": "null"}, 403},
		{"other port", map[string]string{"Origin": "http://example.com:81"}, 403},
		{"allowed with another scheme", map[string]string{"Origin": "http://partner.example"}, 403},
		{"form: text/plain", map[string]string{"Content-Type": "text/plain"}, 400},
		{"form: urlencoded", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 400},
		{"form: multipart", map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, 400},
		{"blob without a type", map[string]string{"Content-Type": ""}, 400},
		{"json-like", map[string]string{"Content-Type": "application/jsonp"}, 400},
		{"with charset", map[string]string{"Content-Type": "application/json; charset=utf-8"}, good},
		{"form with _method", map[string]string{"Content-Type": "text/plain", "X-HTTP-Method-Override": "PUT"}, 400},
	} {
		t.Run(x.situation, func(t *testing.T) {
			r := newRig(t, func(c *web.Config) { c.Origins = []string{"https://partner.example"} })
			ada := r.guest("ada")
			a := r.ask("POST", "/api/v1/rooms", body, header("Cookie", "session="+ada.token), func(r *http.Request) {
				for k, v := range x.headers {
					r.Header.Set(k, v)
					if v == "" {
						r.Header.Del(k)
					}
				}
			})
			require.Equal(t, x.status, a.status, a.raw)
		})
	}
}

func TestCSRF_signingSomebodyIn(t *testing.T) {
	r := newRig(t)
	r.ask("POST", "/api/v1/sessions/guest", `{"name":"eve"}`, header("Origin", "https://evil.example")).
		problem(http.StatusForbidden, domain.CodeForbidden)
	r.ask("DELETE", "/api/v1/sessions/current", "", header("Origin", "https://evil.example")).
		problem(http.StatusForbidden, domain.CodeForbidden)
}

func TestCSRF_tokenNeedsNoContentType(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	ada.ask("POST", "/api/v1/rooms", `{"name":"Square","visibility":"public"}`, func(r *http.Request) { r.Header.Del("Content-Type") }).
		ok(http.StatusCreated)
}

func TestConfig_refusesOriginsThatNeverMatch(t *testing.T) {
	for _, origin := range []string{"chat.example.org", "https://chat.example.org/", "https://Chat.example.org", "ftp://x", "https://", "*", ""} {
		_, err := web.New(web.Config{
			Commands: &fakeRooms{}, Timeline: &fakeRooms{}, Views: newRig(t).store, Accounts: newRig(t).store, Hub: noHub{},
			Origins: []string{origin},
		})
		require.ErrorContains(t, err, "scheme://host", origin)
	}
}
