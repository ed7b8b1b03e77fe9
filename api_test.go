package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// api calls the REST API as somebody.
type api struct {
	base  string // http://host:port
	token string
}

// guest signs in with a name.
func guest(t testing.TB, base, name string) api {
	t.Helper()
	var a api
	eventually(t, 30*time.Second, name+" signs in", func() error {
		var session struct{ Token string }
		if err := (api{base: base}).call("POST", "/sessions/guest", map[string]string{"name": name}, &session); err != nil {
			return err
		}
		a = api{base: base, token: session.Token}
		return nil
	})
	return a
}

// apiError is a problem of wire.md.
type apiError struct {
	Status int
	Code   string
	Detail string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Detail) }

// call does one request; header pairs follow answer, into which a good one is decoded.
func (a api) call(method, path string, body, answer any, header ...string) error {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, a.base+"/api/v1"+path, content)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	content2, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		e := &apiError{Status: resp.StatusCode}
		if err := json.Unmarshal(content2, e); err != nil {
			return fmt.Errorf("%s %s: %s: no problem document: %q", method, path, resp.Status, content2)
		}
		return e
	}
	if answer == nil || len(content2) == 0 {
		return nil
	}
	return json.Unmarshal(content2, answer)
}

// post sends a message and returns its seq.
func (a api) post(room, key, body string) (seq uint64, err error) {
	var answer struct{ Message struct{ Seq uint64 } }
	err = a.call("POST", "/rooms/"+room+"/messages", map[string]string{"body": body}, &answer, "Idempotency-Key", key)
	return answer.Message.Seq, err
}

// makeRoom makes a public room.
func (a api) makeRoom(t testing.TB, name string) (id string) {
	t.Helper()
	var answer struct{ Room struct{ ID string } }
	if err := a.call("POST", "/rooms", map[string]string{"name": name, "visibility": "public"}, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Room.ID
}

// bodies returns the bodies of all messages of a room, oldest first.
func (a api) bodies(room string) ([]string, error) {
	var bodies []string
	for after := uint64(0); ; {
		var page struct {
			Messages []struct {
				Seq  uint64
				Body string
			}
			More bool
		}
		if err := a.call("GET", fmt.Sprintf("/rooms/%s/messages?limit=200&after=%d", room, after), nil, &page); err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			bodies, after = append(bodies, m.Body), m.Seq
		}
		if !page.More {
			return bodies, nil
		}
	}
}
