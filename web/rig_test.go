package web_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/web"
)

// rig is a server on fakes. Every answer that passes through it is held against
// openapi.yaml.
type rig struct {
	t        *testing.T
	store    *domaintest.MemoryStore
	rooms    *fakeRooms
	server   *web.Server
	contract *contract
	logged   *syncBuffer
	level    slog.LevelVar // of the log; as in production until it is set

	mu   sync.Mutex
	now  time.Time
	seen map[string]bool // what contract.check returned
}

func newRig(t *testing.T, change ...func(*web.Config)) *rig {
	t.Helper()
	store := domaintest.NewMemoryStore()
	r := &rig{
		t: t, store: store, rooms: newFakeRooms(store), logged: &syncBuffer{},
		now: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC), seen: map[string]bool{},
	}
	var err error
	r.contract, err = loadContract()
	require.NoError(t, err)
	cfg := web.Config{
		Commands: r.rooms, Timeline: r.rooms, Views: store, Accounts: store, Hub: noHub{},
		Guests: true, Limits: true, Node: "n1", Now: r.clock,
		Logger: slog.New(slog.NewJSONHandler(r.logged, &slog.HandlerOptions{Level: &r.level})),
	}
	for _, f := range change {
		f(&cfg)
	}
	r.server, err = web.New(cfg)
	require.NoError(t, err)
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// reply is an answer, decoded.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// send sends a request as it is.
func (r *rig) send(req *http.Request) reply {
	r.t.Helper()
	res := httptest.NewRecorder()
	r.server.ServeHTTP(res, req)
	if entry := r.contract.check(r.t, req, res); entry != "" {
		r.mu.Lock()
		r.seen[entry] = true
		r.mu.Unlock()
	}
	a := reply{t: r.t, status: res.Code, header: res.Result().Header, raw: res.Body.String()}
	if strings.Contains(a.header.Get("Content-Type"), "json") && a.header.Get("Content-Encoding") == "" {
		require.NoError(r.t, json.Unmarshal([]byte(a.raw), &a.body), a.raw)
	}
	return a
}

// ask sends a request of nobody, with a JSON body unless it is "".
func (r *rig) ask(method, path, body string, change ...func(*http.Request)) reply {
	r.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(req)
	}
	return r.send(req)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func (a reply) ok(status int) reply {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.raw)
	return a
}

// problem demands an error with the code.
func (a reply) problem(status int, code domain.Code) reply {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.raw)
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"))
	require.Equal(a.t, string(code), a.body["code"], a.raw)
	require.EqualValues(a.t, status, a.body["status"])
	require.NotEmpty(a.t, a.body["detail"])
	return a
}

// get walks into the body: get("room", "id").
func (a reply) get(path ...string) any {
	a.t.Helper()
	var v any = a.body
	for _, p := range path {
		m, ok := v.(map[string]any)
		require.True(a.t, ok, "%v in %s", path, a.raw)
		v = m[p]
	}
	return v
}

func (a reply) list(name string) []any {
	a.t.Helper()
	l, ok := a.get(name).([]any)
	require.True(a.t, ok, "%s is a list in %s", name, a.raw)
	return l
}

// person is somebody signed in.
type person struct {
	*rig
	user  domain.User
	token string
}

func (r *rig) guest(name string) person {
	r.t.Helper()
	a := r.ask("POST", "/api/v1/sessions/guest", `{"name":"`+name+`"}`).ok(http.StatusCreated)
	return person{r, userOf(a), a.get("token").(string)}
}

func userOf(a reply) domain.User {
	a.t.Helper()
	guest, _ := a.get("user", "guest").(bool)
	return domain.User{ID: domain.UserID(a.get("user", "id").(string)), Name: a.get("user", "name").(string), Guest: guest}
}

func (p person) ask(method, path, body string, change ...func(*http.Request)) reply {
	p.t.Helper()
	return p.rig.ask(method, path, body, append([]func(*http.Request){header("Authorization", "Bearer "+p.token)}, change...)...)
}

// makes makes a room and returns its path.
func (p person) makes(name string, v domain.Visibility) string {
	p.t.Helper()
	a := p.ask("POST", "/api/v1/rooms", `{"name":"`+name+`","visibility":"`+string(v)+`"}`).ok(http.StatusCreated)
	return "/api/v1/rooms/" + a.get("room", "id").(string)
}

func (p person) says(room, body string) reply {
	p.t.Helper()
	b, err := json.Marshal(map[string]string{"body": body})
	require.NoError(p.t, err)
	return p.ask("POST", room+"/messages", string(b)).ok(http.StatusCreated)
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
