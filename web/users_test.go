package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestSignUp_thenSignIn(t *testing.T) {
	r := newRig(t)
	up := r.ask("POST", "/api/v1/users", `{"name":"Ada","password":"correct horse"}`).ok(http.StatusCreated)
	require.Empty(t, up.header.Get("Set-Cookie"), "signing up does not sign in")
	r.ask("POST", "/api/v1/users", `{"name":"ada","password":"another one"}`).problem(http.StatusConflict, domain.CodeConflict)
	r.ask("POST", "/api/v1/users", "{\"name\":\"\u0430d\u0430\",\"password\":\"another one\"}"). // Cyrillic
													problem(http.StatusBadRequest, domain.CodeInvalid)

	in := r.ask("POST", "/api/v1/sessions", `{"name":"ADA","password":"correct horse"}`).ok(http.StatusCreated)
	require.Equal(t, up.get("user"), in.get("user"))
	require.Nil(t, in.get("user", "guest"))
	require.Equal(t, "2026-12-24T06:00:00.000Z", in.get("expires_at"))
	me := r.ask("GET", "/api/v1/me", "", header("Authorization", "Bearer "+in.get("token").(string))).ok(http.StatusOK)
	require.Equal(t, up.get("user"), me.get("user"))
}

func TestSignIn_doesNotTellWhoExists(t *testing.T) {
	r := newRig(t)
	r.ask("POST", "/api/v1/users", `{"name":"ada","password":"correct horse"}`).ok(http.StatusCreated)
	r.guest("gus")
	var first reply
	for i, body := range []string{
		`{"name":"ada","password":"wrong horse"}`,
		`{"name":"ada","password":"short"}`,
		`{"name":"ada","password":""}`,
		`{"name":"nobody","password":"correct horse"}`,
		`{"name":"gus","password":"correct horse"}`,
		`{"name":"","password":"correct horse"}`,
		`{"name":"\u202eada","password":"correct horse"}`,
		`{"password":"correct horse"}`,
		`{}`,
	} {
		a := r.ask("POST", "/api/v1/sessions", body).problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
		delete(a.body, "request_id")
		if i == 0 {
			first = a
		}
		require.Equal(t, first.body, a.body, body)
		require.Empty(t, a.header.Get("Set-Cookie"))
	}
}

func TestSignUp_refuses(t *testing.T) {
	r := newRig(t)
	for situation, body := range map[string]string{
		"no name":             `{"password":"correct horse"}`,
		"no password":         `{"name":"ada"}`,
		"7 bytes":             `{"name":"ada","password":"1234567"}`,
		"1025 bytes":          `{"name":"ada","password":"` + strings.Repeat("x", 1025) + `"}`,
		"65 characters":       `{"name":"` + strings.Repeat("x", 65) + `","password":"correct horse"}`,
		"zero width":          `{"name":"ad\u200ba","password":"correct horse"}`,
		"right to left":       `{"name":"\u202eada","password":"correct horse"}`,
		"mixed scripts":       `{"name":"adа","password":"correct horse"}`,
		"blank":               `{"name":"\u3164","password":"correct horse"}`,
		"line feed":           `{"name":"a\nb","password":"correct horse"}`,
		"piled-up marks":      `{"name":"a\u0301\u0302\u0303\u0304","password":"correct horse"}`,
		"a name of a number":  `{"name":7,"password":"correct horse"}`,
		"a name of an object": `{"name":{"$ne":null},"password":"correct horse"}`,
	} {
		a := r.ask("POST", "/api/v1/users", body)
		require.Equal(t, http.StatusBadRequest, a.status, "%s: %s", situation, a.raw)
		require.Equal(t, "invalid", a.get("code"), situation)
	}
	r.ask("POST", "/api/v1/users", `{"name":"ada","password":"`+strings.Repeat("x", 1024)+`"}`).ok(http.StatusCreated)
}

func TestGuests(t *testing.T) {
	r := newRig(t)
	r.ask("POST", "/api/v1/users", `{"name":"Ada","password":"correct horse"}`).ok(http.StatusCreated)
	r.ask("POST", "/api/v1/sessions/guest", `{"name":"ada"}`).problem(http.StatusConflict, domain.CodeConflict)
	first, second := r.guest("bob"), r.guest("bob")
	require.NotEqual(t, first.user.ID, second.user.ID, "guests may share a name")
	require.True(t, first.user.Guest)
	require.Equal(t, true, first.ask("GET", "/api/v1/me", "").ok(http.StatusOK).get("user", "guest"))
	for _, name := range []string{"", " ", "ad\\u200ba", "x y  z"} {
		r.ask("POST", "/api/v1/sessions/guest", `{"name":"`+name+`"}`).problem(http.StatusBadRequest, domain.CodeInvalid)
	}
}
