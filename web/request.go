package web

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"confab/domain"
	"confab/web/strictjson"
)

// maxRequestBytes bounds a request's body.
const maxRequestBytes = 64 << 10

// readJSON reads the request's body into the struct behind v.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if !jsonTyped(r) {
		return domain.Errorf(domain.CodeInvalid, "send JSON with the header Content-Type: application/json")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return domain.Errorf(domain.CodeInvalid, "compressed bodies are not accepted; send plain JSON")
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return domain.Errorf(domain.CodeTooLarge, "a request has at most %d bytes; send less", maxRequestBytes)
	}
	if err != nil {
		return domain.Errorf(domain.CodeInvalid, "the body ended too early")
	}
	return strictjson.Unmarshal(data, v)
}

// roomID returns the room of the path. An id that none can have is not found,
// before it is part of any key or query.
func roomID(r *http.Request) (domain.RoomID, error) {
	id := chi.URLParam(r, "room")
	if !domain.ValidID(id) {
		return "", domain.ErrRoomNotFound()
	}
	return domain.RoomID(id), nil
}

// userID returns the user of the path, "me" being the caller.
func userID(r *http.Request, me domain.UserID) (domain.UserID, error) {
	id := chi.URLParam(r, "user")
	if id == "me" {
		return me, nil
	}
	if !domain.ValidID(id) {
		return "", errNoUser()
	}
	return domain.UserID(id), nil
}

func errNoUser() error { return domain.Errorf(domain.CodeNotFound, "no such user") }

// maxSeq is the highest number that is exact in JavaScript.
const maxSeq = 1<<53 - 1

// query reads a URL's parameters strictly; the first error stays.
type query struct {
	values url.Values
	err    error
}

func queryOf(r *http.Request) *query {
	v, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: v}
	if err != nil {
		q.err = domain.Errorf(domain.CodeInvalid, "the query of the URL is not readable; encode its values")
	}
	return q
}

// one returns a parameter's value, and whether it is there.
func (q *query) one(name string) (string, bool) {
	v := q.values[name]
	if len(v) > 1 {
		q.fail("%s is there twice; send it once", name)
	}
	if len(v) == 0 {
		return "", false
	}
	return v[0], true
}

func (q *query) fail(format string, args ...any) {
	if q.err == nil {
		q.err = domain.Errorf(domain.CodeInvalid, format, args...)
	}
}

// limit returns the size of a page.
func (q *query) limit() int {
	s, ok := q.one("limit")
	if !ok {
		return domain.DefaultPageSize
	}
	n, ok := digits(s)
	if !ok || n < 1 || n > domain.MaxPageSize {
		q.fail("limit must be a whole number from 1 to %d", domain.MaxPageSize)
	}
	return int(n)
}

// seq returns a parameter that is a seq, from least on.
func (q *query) seq(name string, least uint64) (seq uint64, ok bool) {
	s, ok := q.one(name)
	if !ok {
		return 0, false
	}
	n, ok := digits(s)
	if !ok || n < least || n > maxSeq {
		q.fail("%s must be a seq: a whole number from %d to %d", name, least, uint64(maxSeq))
	}
	return n, true
}

// digits reads a number of decimal digits only: no sign, no space.
func digits(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && s[0] != '+'
}

// roomsCursor and parseRoomsCursor: where a list of rooms goes on, opaque to clients.
// It holds no right: what is listed depends on who asks.
func roomsCursor(last domain.RoomID) string {
	return base64.RawURLEncoding.EncodeToString([]byte("rooms1:" + last))
}

func (q *query) roomsCursor() domain.RoomID {
	s, ok := q.one("cursor")
	if !ok || s == "" {
		return ""
	}
	last, ok := parseRoomsCursor(s)
	if !ok {
		q.fail("cursor must be the next of an earlier answer, unchanged")
	}
	return last
}

func parseRoomsCursor(s string) (domain.RoomID, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	const prefix = "rooms1:"
	if err != nil || len(b) < len(prefix) || string(b[:len(prefix)]) != prefix || !domain.ValidID(string(b[len(prefix):])) {
		return "", false
	}
	return domain.RoomID(b[len(prefix):]), true
}
