package web_test

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

// TestBadInput_bodies sends what a message must not be.
func TestBadInput_bodies(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	body := func(s string) string { return `{"body":"` + s + `"}` }
	for _, x := range []struct {
		situation, body string
		code            domain.Code
	}{
		{"nothing", "", domain.CodeInvalid},
		{"spaces", "  \n ", domain.CodeInvalid},
		{"empty body", body(""), domain.CodeInvalid},
		{"blank body", body(` \t\n`), domain.CodeInvalid},
		{"8193 bytes", body(strings.Repeat("x", 8193)), domain.CodeTooLarge},
		{"64 KiB and more", body(strings.Repeat("x", 70_000)), domain.CodeTooLarge},
		{"not UTF-8", body("a\xffb"), domain.CodeInvalid},
		{"cut UTF-8", body("\xe2\x82"), domain.CodeInvalid},
		{"NUL", body(`a\u0000b`), domain.CodeInvalid},
		{"escape", body(`a\u001b[31m`), domain.CodeInvalid},
		{"raw control character", body("a\x01b"), domain.CodeInvalid},
		{"half a surrogate pair", body(`\ud800`), domain.CodeInvalid},
		{"the other half", body(`\udc00x`), domain.CodeInvalid},
		{"two first halves", body(`\ud800\ud800`), domain.CodeInvalid},
		{"broken JSON", `{"body":"hi"`, domain.CodeInvalid},
		{"something after it", `{"body":"hi"} x`, domain.CodeInvalid},
		{"two objects", `{"body":"hi"}{"body":"ho"}`, domain.CodeInvalid},
		{"an array", `[{"body":"hi"}]`, domain.CodeInvalid},
		{"null", `null`, domain.CodeInvalid},
		{"a string", `"hi"`, domain.CodeInvalid},
		{"a body of a number", `{"body":1e308}`, domain.CodeInvalid},
		{"a body of an object", `{"body":{"$ne":null}}`, domain.CodeInvalid},
		{"a body of null", `{"body":null}`, domain.CodeInvalid},
		{"no body", `{"text":"hi"}`, domain.CodeInvalid},
		{"another case", `{"Body":"hi"}`, domain.CodeInvalid},
		{"twice", `{"body":"hi","body":"ho"}`, domain.CodeInvalid},
		{"twice, escaped", `{"body":"hi","\u0062ody":"ho"}`, domain.CodeInvalid},
		{"deep", strings.Repeat(`{"a":`, 20_000), domain.CodeTooLarge},
		{"deep but short", strings.Repeat(`[`, 30_000), domain.CodeInvalid},
	} {
		t.Run(x.situation, func(t *testing.T) {
			a := ada.ask("POST", room+"/messages", x.body)
			require.Equal(t, string(x.code), a.get("code"), a.raw)
			require.NotContains(t, a.raw, "strictjson", "no Go names")
		})
	}
	require.Empty(t, ada.ask("GET", room+"/messages", "").ok(http.StatusOK).list("messages"))
	ada.ask("POST", room+"/messages", body(strings.Repeat("x", 8192))).ok(http.StatusCreated)
	ada.ask("POST", room+"/messages", body(`\ud83d\ude00`)).ok(http.StatusCreated)
	ada.ask("POST", room+"/messages", `{"later":[{"x":1}],"body":"hi","Body":"ho"}`).ok(http.StatusCreated)
}

func TestBadInput_rooms(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	for situation, body := range map[string]string{
		"no name":              `{"visibility":"public"}`,
		"no visibility":        `{"name":"Square"}`,
		"another visibility":   `{"name":"Square","visibility":"secret"}`,
		"65 characters":        `{"name":"` + strings.Repeat("x", 65) + `","visibility":"public"}`,
		"invisible characters": `{"name":"Squ\u200bare","visibility":"public"}`,
		"mixed scripts":        `{"name":"Sqаure","visibility":"public"}`,
		"space around":         `{"name":" Square","visibility":"public"}`,
	} {
		a := ada.ask("POST", "/api/v1/rooms", body)
		require.Equal(t, http.StatusBadRequest, a.status, "%s: %s", situation, a.raw)
	}
}

// TestBadInput_numbers asks every page with limits and seqs that are none.
func TestBadInput_numbers(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	limits := []string{"0", "-1", "201", "1000000000", "1e3", "0x10", "1.5", "", " 5", "5%20", "+5", "٣", "99999999999999999999999", "abc", "5&limit=6"}
	seqs := []string{"-1", "9007199254740992", "18446744073709551616", "1.5", "", "x", "+1", "1&after=2&before=2"}
	for _, path := range []string{"/api/v1/rooms?", room + "/messages?", room + "/events?"} {
		for _, v := range limits {
			a := ada.ask("GET", path+"limit="+strings.ReplaceAll(v, " ", "%20"), "")
			require.Equal(t, http.StatusBadRequest, a.status, "%slimit=%s: %s", path, v, a.raw)
		}
		ada.ask("GET", path+"limit=%zz", "").problem(http.StatusBadRequest, domain.CodeInvalid)
		ada.ask("GET", path+"limit=1;after=2", "").problem(http.StatusBadRequest, domain.CodeInvalid)
		ada.ask("GET", path+"limit=200", "").ok(http.StatusOK)
	}
	for _, v := range seqs {
		ada.ask("GET", room+"/messages?after="+v, "").problem(http.StatusBadRequest, domain.CodeInvalid)
		ada.ask("GET", room+"/messages?before="+v, "").problem(http.StatusBadRequest, domain.CodeInvalid)
		ada.ask("GET", room+"/events?after="+v, "").problem(http.StatusBadRequest, domain.CodeInvalid)
	}
	ada.ask("GET", room+"/messages?before=0", "").problem(http.StatusBadRequest, domain.CodeInvalid)
	for _, v := range []string{"x", "cm9vbXMxOg", "AAAA====", "cm9vbXMxOiouKi4qLiouKi4qLiouKi4qLio"} {
		ada.ask("GET", "/api/v1/rooms?cursor="+v, "").problem(http.StatusBadRequest, domain.CodeInvalid)
	}
}

func TestBadInput_idsNobodyHas(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	for _, id := range []string{
		"*", "%7Bx%7D", "x%0d%0ay", strings.Repeat("a", 10_000), "%F0%9F%98%80", "aaaaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAAAAAA",
		"aaaaaaaaaaaaaaaaaaa1", "..", "%2e%2e%2fx", "a:b", domain.NewID(),
	} {
		for _, path := range []string{"", "/members", "/messages", "/events"} {
			a := ada.ask("GET", "/api/v1/rooms/"+id+path, "")
			require.Equal(t, http.StatusNotFound, a.status, "%.40s%s", id, path)
			require.Equal(t, "not_found", a.get("code"))
		}
	}
}

func TestErrors_whatIsNotTheClientsBusinessStaysInTheLog(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)

	r.rooms.set(func(f *fakeRooms) { f.err = errors.New("secret 10.0.0.7:6379 refused") })
	a := ada.ask("POST", room+"/messages", `{"body":"hi"}`).problem(http.StatusInternalServerError, domain.CodeInternal)
	require.NotContains(t, a.raw, "secret")
	require.Contains(t, r.logged.String(), "secret")
	require.Contains(t, r.logged.String(), a.get("request_id").(string), "what the person can name is in the log")

	r.rooms.set(func(f *fakeRooms) { f.err = domain.Unavailable("the log", errors.New("secret two")) })
	a = ada.ask("POST", room+"/messages", `{"body":"hi"}`).problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	require.NotContains(t, a.raw, "secret")
	require.Contains(t, r.logged.String(), a.get("request_id").(string))
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.NotZero(t, a.get("retry_after_ms"))

	r.rooms.set(func(f *fakeRooms) { f.err, f.panics = nil, true })
	a = ada.ask("POST", room+"/messages", `{"body":"hi"}`).problem(http.StatusInternalServerError, domain.CodeInternal)
	require.NotContains(t, a.raw, "fake")
	require.Contains(t, r.logged.String(), "the fake was told to")
	require.Contains(t, r.logged.String(), a.get("request_id").(string))

	r.rooms.set(func(f *fakeRooms) { f.panics = false })
	ada.says(room, "still here")
}

func TestErrors_storeGoneAndBack(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	r.store.Fail(errors.New("mongodb://user:secret@db is gone"))
	for _, path := range []string{"/api/v1/rooms", room + "/messages", "/api/v1/sessions"} {
		a := ada.ask("GET", path, "").problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
		require.NotContains(t, a.raw, "secret")
	}
	r.ask("POST", "/api/v1/sessions/guest", `{"name":"bob"}`).problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	r.pass(time.Minute) // out of the cache
	ada.ask("GET", "/api/v1/me", "").problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	r.store.Fail(nil)
	ada.ask("GET", room+"/messages", "").ok(http.StatusOK)
}

func TestLog_holdsNoSecrets(t *testing.T) {
	r := newRig(t)
	r.level.Set(slog.LevelDebug)
	r.ask("POST", "/api/v1/users", `{"name":"ada","password":"canary horse"}`).ok(http.StatusCreated)
	a := r.ask("POST", "/api/v1/sessions", `{"name":"ada","password":"canary horse"}`).ok(http.StatusCreated)
	ada := person{r, userOf(a), a.get("token").(string)}
	room := ada.makes("Square", domain.Public)
	ada.says(room, "canary message")
	ada.ask("GET", room+"/messages?q=canary", "").ok(http.StatusOK)
	r.store.Fail(errors.New("gone"))
	ada.ask("POST", "/api/v1/sessions/guest", `{"name":"canary"}`)
	require.NotEmpty(t, r.logged.String())
	require.NotContains(t, r.logged.String(), "canary")
	require.NotContains(t, r.logged.String(), ada.token)
}
