package web_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestHeaders_golden keeps the headers of every sort of answer.
func TestHeaders_golden(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.Guests = true })
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	var b bytes.Buffer
	for _, x := range []struct{ method, path, body string }{
		{"GET", "/healthz", ""}, {"GET", "/readyz", ""}, {"GET", "/metrics", ""},
		{"POST", "/api/v1/sessions/guest", `{"name":"bob"}`},
		{"GET", "/api/v1/me", ""}, {"HEAD", "/api/v1/me", ""}, {"GET", room + "/events", ""},
		{"PUT", room + "/members/me", ""}, {"POST", room + "/messages", `{"body":""}`},
		{"GET", "/api/v1/openapi.yaml", ""},
		{"GET", "/api/v1/nothing", ""}, {"GET", "/api", ""}, {"PATCH", "/api/v1/me", ""}, {"TRACE", "/api/v1/me", ""},
		{"GET", "/ws", ""},
		{"GET", "/", ""}, {"GET", "/rooms/R/42", ""}, {"GET", "/assets/none.js", ""},
	} {
		a := ada.ask(x.method, x.path, x.body)
		fmt.Fprintf(&b, "%s %s → %d\n", x.method, strings.Replace(x.path, room, "/api/v1/rooms/R", 1), a.status)
		for _, name := range slices.Sorted(maps.Keys(a.header)) {
			value := strings.Join(a.header[name], ", ")
			switch name {
			case "X-Request-Id", "Etag", "Content-Length":
				value = "…"
			case "Set-Cookie":
				value = strings.Replace(value, cookieOf(t, a).Value, "…", 1)
			}
			fmt.Fprintf(&b, "    %s: %s\n", name, value)
		}
	}
	const file = "testdata/headers.txt"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "go test ./web -run Headers -update writes it anew")
}

func TestRoutes_methodsAndPathsThatAreNone(t *testing.T) {
	r := newRig(t)
	r.ask("PATCH", "/api/v1/me", "").problem(http.StatusMethodNotAllowed, domain.CodeInvalid)
	a := r.ask("GET", "/api/v1/users", "").problem(http.StatusMethodNotAllowed, domain.CodeInvalid)
	require.Equal(t, "POST", a.header.Get("Allow"))
	a = r.ask("POST", "/metrics", "").problem(http.StatusMethodNotAllowed, domain.CodeInvalid)
	require.Equal(t, "GET, HEAD", a.header.Get("Allow"))
	a = r.ask("POST", "/api/v1/rooms/aaaaaaaaaaaaaaaaaaaa%2Fmessages", "").problem(http.StatusMethodNotAllowed, domain.CodeInvalid)
	require.Equal(t, "GET, HEAD", a.header.Get("Allow"), "%2F is no slash")
	r.ask("PROPFIND", "/api/v1/nothing", "").problem(http.StatusNotFound, domain.CodeNotFound)
	r.ask("HEAD", "/metrics", "").ok(http.StatusOK)
	for _, path := range []string{"/api/v1/nothing", "/api/v2/me", "/api/", "/api/v1/me/", "/api/v1//me", "/api/v1/rooms/x/y/z"} {
		r.ask("GET", path, "").problem(http.StatusNotFound, domain.CodeNotFound)
	}
	require.Empty(t, r.ask("HEAD", "/healthz", "").ok(http.StatusOK).header.Get("Server"))
}
