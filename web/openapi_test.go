package web_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
	"confab/web/accounts"
)

func TestOpenAPI_isServed(t *testing.T) {
	file, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	require.Equal(t, string(file), newRig(t).ask("GET", "/api/v1/openapi.yaml", "").ok(http.StatusOK).raw)
}

// operation is a request of the contract that succeeds, in the scene of TestOpenAPI.
type operation struct {
	method, path, body string
	anybody            bool
}

var operations = []operation{
	{"POST", "/api/v1/users", `{"name":"new","password":"correct horse"}`, true},
	{"POST", "/api/v1/sessions", `{"name":"reg","password":"correct horse"}`, true},
	{"POST", "/api/v1/sessions/guest", `{"name":"new"}`, true},
	{"GET", "/api/v1/sessions", "", false},
	{"DELETE", "/api/v1/sessions/current", "", false},
	{"GET", "/api/v1/me", "", false},
	{"POST", "/api/v1/rooms", `{"name":"New","visibility":"public"}`, false},
	{"GET", "/api/v1/rooms", "", false},
	{"GET", "ROOM", "", false},
	{"GET", "ROOM/members", "", false},
	{"PUT", "ROOM/members/BOB", "", false},
	{"DELETE", "ROOM/members/BOB", "", false},
	{"POST", "ROOM/messages", `{"body":"hi"}`, false},
	{"GET", "ROOM/messages", "", false},
	{"GET", "ROOM/events", "", false},
	{"POST", "/api/v1/reports", `{"kind":"violation","room":"aaaaaaaaaaaaaaaaaaaa","want":42,"got":44}`, false},
	{"GET", "/api/v1/openapi.yaml", "", true},
	{"GET", "/healthz", "", true},
	{"GET", "/readyz", "", true},
	{"GET", "/metrics", "", true},
}

// TestOpenAPI_everyAnswer provokes every answer that openapi.yaml promises, on every
// route; the rig holds each against the document. An answer that no case provokes,
// or that is not in the document, fails the test.
func TestOpenAPI_everyAnswer(t *testing.T) {
	seen := map[string]bool{}
	for name, provoke := range map[string]func(s apiScene, o operation){
		"success": func(s apiScene, o operation) { s.do(s.ada, o) },
		"the same again": func(s apiScene, o operation) {
			key := header("Idempotency-Key", "k")
			s.do(s.ada, o, key)
			s.do(s.ada, o, key)
			o.body = strings.NewReplacer("hi", "ho", "New", "Old").Replace(o.body)
			s.do(s.ada, o, key)
		},
		"nobody": func(s apiScene, o operation) { s.do(s.rig, o) },
		"a stranger": func(s apiScene, o operation) {
			o.path = strings.Replace(o.path, "current", domain.NewID(), 1)
			s.do(s.bob, o)
			o.path = strings.Replace(o.path, "BOB", string(s.ada.user.ID), 1)
			s.do(s.bob, o)
			o.path = strings.Replace(o.path, "ROOM", "/api/v1/rooms/none", 1)
			s.do(s.bob, o)
		},
		"a foreign page":    func(s apiScene, o operation) { s.do(s.ada, o, header("Origin", "https://evil.example")) },
		"a wrong password":  func(s apiScene, o operation) { o.body = strings.Replace(o.body, "correct", "wrong", 1); s.do(s.ada, o) },
		"a taken name":      func(s apiScene, o operation) { o.body = strings.Replace(o.body, `"new"`, `"reg"`, 1); s.do(s.ada, o) },
		"a bad body":        func(s apiScene, o operation) { o.body = "{"; s.do(s.ada, o) },
		"a bad page":        func(s apiScene, o operation) { o.path += "?limit=0"; s.do(s.ada, o) },
		"a body too large":  func(s apiScene, o operation) { o.body = `{"x":"` + strings.Repeat("x", 1<<16) + `"}`; s.do(s.ada, o) },
		"no store":          func(s apiScene, o operation) { s.pass(time.Minute); s.store.Fail(errors.New("gone")); s.do(s.ada, o) },
		"a stopping server": func(s apiScene, o operation) { require.NoError(t, s.server.Drain(t.Context())); s.do(s.ada, o) },
		"no log": func(s apiScene, o operation) {
			s.rooms.set(func(f *fakeRooms) { f.err = domain.Unavailable("the log", errors.New("gone")) })
			s.do(s.ada, o)
		},
		"too much": func(s apiScene, o operation) {
			if o.method == "GET" {
				return // reading is not limited
			}
			s.rooms.set(func(f *fakeRooms) { f.err = domain.Errorf(domain.CodeRateLimited, "slowly") })
			s.do(s.ada, o)
			if o.anybody || o.path == "/api/v1/reports" { // of a limit that is not ingest's
				exhaust(t, func() reply { return s.do(s.ada, o) })
			}
		},
		"a defect": func(s apiScene, o operation) {
			s.rooms.set(func(f *fakeRooms) { f.panics = true })
			s.accounts.panics.Store(true)
			s.pass(time.Minute) // out of the cache of sessions
			s.do(s.ada, o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range operations {
				s := newAPIScene(t)
				provoke(s, o)
				for k := range s.seen {
					seen[k] = true
				}
			}
		})
	}
	c, err := loadContract()
	require.NoError(t, err)
	for _, p := range c.promised() {
		require.True(t, seen[p], "openapi.yaml promises %s, and nothing here provokes it", p)
	}
}

// apiScene is a private room of ada's, bob who is not in it, and an account "reg".
type apiScene struct {
	*rig
	ada, bob person
	room     string
	accounts *panickyAccounts
}

func newAPIScene(t *testing.T) apiScene {
	s := apiScene{accounts: &panickyAccounts{}}
	s.rig = newRig(t, func(c *web.Config) {
		s.accounts.Accounts = c.Accounts
		c.Accounts = s.accounts
	})
	s.ada, s.bob = s.guest("ada"), s.guest("bob")
	s.room = s.ada.makes("Cabinet", domain.Private)
	key, err := accounts.NameKey("reg")
	require.NoError(t, err)
	require.NoError(t, s.store.CreateAccount(t.Context(), domain.Account{
		User: domain.User{ID: domain.UserID(domain.NewID()), Name: "reg"}, NameKey: key, PasswordHash: cheapHash,
	}))
	return s
}

func (s apiScene) do(who asker, o operation, change ...func(*http.Request)) reply {
	path := strings.NewReplacer("ROOM", s.room, "BOB", string(s.bob.user.ID)).Replace(o.path)
	if o.anybody {
		who = s.rig
	}
	return who.ask(o.method, path, o.body, change...)
}

// cheapHash is argon2id of "correct horse" with the least work.
const cheapHash = "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MjZP1+1U9JUbDWvDvtLyEsZiNXOKEUxfi6O2oe46uxA"

// panickyAccounts panics on demand.
type panickyAccounts struct {
	domain.Accounts
	panics atomic.Bool
}

func (p *panickyAccounts) AccountByName(ctx context.Context, key string) (domain.Account, error) {
	if p.panics.Load() {
		panic("the fake was told to")
	}
	return p.Accounts.AccountByName(ctx, key)
}

func (p *panickyAccounts) SessionByToken(ctx context.Context, hash string, now time.Time) (domain.Session, error) {
	if p.panics.Load() {
		panic("the fake was told to")
	}
	return p.Accounts.SessionByToken(ctx, hash, now)
}
