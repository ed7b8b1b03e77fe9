package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"confab/domain"
)

// Session is who a program is to a server. It is safe for concurrent use.
type Session struct {
	Server string // http://host:port, with or without a slash behind it
	Token  string
	User   domain.User
	HTTP   *http.Client // nil: http.DefaultClient
}

// Room is a room as REST tells it.
type Room struct {
	ID         domain.RoomID     `json:"id"`
	Name       string            `json:"name"`
	Visibility domain.Visibility `json:"visibility"`
	Head       uint64            `json:"head"`
	Member     bool              `json:"member"`
}

// Page selects messages: those after a seq, oldest first, if After is set, else those
// before one, newest first; Before nil means from the newest on. Limit 0 means 50.
type Page struct {
	Before, After *uint64
	Limit         int
}

// Messages is a page of history. Head is the room's newest seq.
type Messages struct {
	Messages []domain.Message `json:"messages"`
	Head     uint64           `json:"head"`
	More     bool             `json:"more"`
}

// Events is a page of a room's events in seq order.
type Events struct {
	Events []domain.Event `json:"events"`
	Head   uint64         `json:"head"`
	More   bool           `json:"more"`
}

// SignUp registers an account.
func SignUp(ctx context.Context, server, name, password string) error {
	s := &Session{Server: server}
	return s.Do(ctx, http.MethodPost, "/users", map[string]string{"name": name, "password": password}, nil)
}

// SignIn opens a session of a registered account.
func SignIn(ctx context.Context, server, name, password string) (*Session, error) {
	return open(ctx, server, "/sessions", map[string]string{"name": name, "password": password})
}

// Guest opens a session of a new guest.
func Guest(ctx context.Context, server, name string) (*Session, error) {
	return open(ctx, server, "/sessions/guest", map[string]string{"name": name})
}

func open(ctx context.Context, server, path string, who map[string]string) (*Session, error) {
	s := &Session{Server: server}
	var out struct {
		Token string      `json:"token"`
		User  domain.User `json:"user"`
	}
	if err := s.Do(ctx, http.MethodPost, path, who, &out); err != nil {
		return nil, err
	}
	s.Token, s.User = out.Token, out.User
	return s, nil
}

// SignOut ends the session, and with it every connection that uses it.
func (s *Session) SignOut(ctx context.Context) error {
	return s.Do(ctx, http.MethodDelete, "/sessions/current", nil, nil)
}

// CreateRoom makes a room of which the caller is the owner.
func (s *Session) CreateRoom(ctx context.Context, name string, v domain.Visibility) (Room, error) {
	var out struct {
		Room Room `json:"room"`
	}
	err := s.Do(ctx, http.MethodPost, "/rooms", map[string]string{"name": name, "visibility": string(v)}, &out)
	return out.Room, err
}

// Room returns a room.
func (s *Session) Room(ctx context.Context, room domain.RoomID) (Room, error) {
	var out struct {
		Room Room `json:"room"`
	}
	err := s.Do(ctx, http.MethodGet, roomPath(room, ""), nil, &out)
	return out.Room, err
}

// Join makes the caller a member. Doing it again changes nothing.
func (s *Session) Join(ctx context.Context, room domain.RoomID) error {
	return s.Do(ctx, http.MethodPut, roomPath(room, "/members/me"), nil, nil)
}

// Leave ends the caller's membership. Doing it again changes nothing.
func (s *Session) Leave(ctx context.Context, room domain.RoomID) error {
	return s.Do(ctx, http.MethodDelete, roomPath(room, "/members/me"), nil, nil)
}

// Messages returns a page of a room's messages.
func (s *Session) Messages(ctx context.Context, room domain.RoomID, p Page) (out Messages, err error) {
	q := url.Values{}
	if p.Before != nil {
		q.Set("before", strconv.FormatUint(*p.Before, 10))
	}
	if p.After != nil {
		q.Set("after", strconv.FormatUint(*p.After, 10))
	}
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	err = s.Do(ctx, http.MethodGet, roomPath(room, "/messages?"+q.Encode()), nil, &out)
	return out, err
}

// Events returns a page of a room's events after a seq.
func (s *Session) Events(ctx context.Context, room domain.RoomID, after uint64, limit int) (out Events, err error) {
	err = s.Do(ctx, http.MethodGet, roomPath(room, fmt.Sprintf("/events?after=%d&limit=%d", after, limit)), nil, &out)
	return out, err
}

func roomPath(room domain.RoomID, rest string) string {
	return "/rooms/" + url.PathEscape(string(room)) + rest
}

// at returns the URL of a path of the server's.
func (s *Session) at(path string) string { return strings.TrimRight(s.Server, "/") + path }

// Do makes a call of the REST API: path is below /api/v1, in and out are JSON, nil for
// none. An error that the server tells is a *domain.Error.
func (s *Session) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.at("/api/v1"+path), body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	client := s.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return domain.Unavailable("the server", err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 400 {
		return problem(res)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, res.Body) // so that the connection can be used again
		return err
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("decode answer of %s %s: %w", method, path, err)
	}
	return nil
}

// problem reads an error answer, also one that a proxy made.
func problem(res *http.Response) error {
	var p struct {
		Code         domain.Code `json:"code"`
		Detail       string      `json:"detail"`
		RetryAfterMS int64       `json:"retry_after_ms"`
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // what is missing is not understood
	_ = json.Unmarshal(body, &p)
	retry := time.Duration(p.RetryAfterMS) * time.Millisecond
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && retry == 0 {
		retry = time.Duration(seconds) * time.Second
	}
	switch {
	case p.Code != "":
	case res.StatusCode == http.StatusTooManyRequests:
		p.Code, p.Detail = domain.CodeRateLimited, res.Status
	case res.StatusCode == http.StatusRequestTimeout || res.StatusCode >= 500:
		p.Code, p.Detail = domain.CodeUnavailable, res.Status
	default:
		p.Code, p.Detail = domain.CodeInvalid, res.Status
	}
	return &domain.Error{Code: p.Code, Message: p.Detail, RetryAfter: retry}
}
