package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestPostMessage_isReadBack(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	body := "hi <b>there</b> & \u2028 \t\n\"quoted\" \U0001f600"
	m := ada.says(room, body).get("message").(map[string]any)
	require.Equal(t, body, m["body"])
	require.EqualValues(t, 2, m["seq"])
	require.Equal(t, map[string]any{"id": string(ada.user.ID), "name": "ada", "guest": true}, m["author"])
	require.NotEmpty(t, m["key"], "the server makes a key where the client has none")
	require.Equal(t, []any{m}, ada.ask("GET", room+"/messages", "").ok(http.StatusOK).list("messages"))
}

func TestPostMessage_authorIsTheCallerWhateverTheBodySays(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	a := ada.ask("POST", room+"/messages",
		`{"body":"hi","author":{"id":"x","name":"eve"},"seq":99,"at":"1999-01-01T00:00:00Z","room":"other","Body":"ho"}`).ok(http.StatusCreated)
	require.Equal(t, "ada", a.get("message", "author", "name"))
	require.EqualValues(t, 2, a.get("message", "seq"))
	require.Equal(t, "hi", a.get("message", "body"))
}

func TestPostMessage_idempotency(t *testing.T) {
	r := newRig(t)
	ada, bob := r.guest("ada"), r.guest("bob")
	room := ada.makes("Square", domain.Public)
	bob.ask("PUT", room+"/members/me", "").ok(http.StatusNoContent)
	key := header("Idempotency-Key", "01900000-0000-7000-8000-000000000001")
	post := func(p person, body string) reply {
		return p.ask("POST", room+"/messages", `{"body":"`+body+`"}`, key)
	}
	first := post(ada, "hi").ok(http.StatusCreated)
	require.Equal(t, "01900000-0000-7000-8000-000000000001", first.get("message", "key"))
	require.Equal(t, first.body, post(ada, "hi").ok(http.StatusOK).body, "the same again")
	post(ada, "ho").problem(http.StatusConflict, domain.CodeConflict)
	post(bob, "ho").ok(http.StatusCreated) // another sender's key is another key
	require.Len(t, ada.ask("GET", room+"/messages", "").ok(http.StatusOK).list("messages"), 2)
}

func TestPostMessage_refusesKeys(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	for situation, key := range map[string]string{
		"65 bytes": strings.Repeat("k", 65), "empty": "", "not UTF-8": "a\xff", "a control character": "a\tb",
	} {
		a := ada.ask("POST", room+"/messages", `{"body":"hi"}`, header("Idempotency-Key", key))
		require.Equal(t, http.StatusBadRequest, a.status, situation)
	}
	ada.ask("POST", room+"/messages", `{"body":"hi"}`, header("Idempotency-Key", "a"), header("Idempotency-Key", "b")).
		problem(http.StatusBadRequest, domain.CodeInvalid)
	ada.ask("POST", room+"/messages", `{"body":"hi"}`, header("Idempotency-Key", strings.Repeat("k", 64))).ok(http.StatusCreated)
}
