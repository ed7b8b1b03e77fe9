package domain_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"confab/domain"
)

// golden are the events whose JSON is in testdata/events. A file may be added there,
// for a new kind or a new field; none may ever change, since archives hold its like.
var golden = map[string]domain.Event{
	"room.created.1": {
		Room: roomID, Seq: 1, Kind: domain.RoomCreated, ID: "cccccccccccccccccccc", At: domain.At(noon), Actor: ada,
		Key: "0198c5d2-7a3b-7c1e-9f00-0123456789ab", Name: "Café <dev> & friends", Visibility: domain.Private,
	},
	"member.joined.1": {
		Room: roomID, Seq: 2, Kind: domain.MemberJoined, ID: "dddddddddddddddddddd", At: domain.At(noon), Actor: ada,
		Key: "eeeeeeeeeeeeeeeeeeee", User: &guest, Role: domain.Ordinary,
	},
	"message.posted.1": {
		Room: roomID, Seq: 3, Kind: domain.MessagePosted, ID: "ffffffffffffffffffff", At: domain.At(noon), Actor: guest,
		Key: `"quoted"\`, Body: "<b>hi</b> & \"you\"\n\ttabs,\r\u2028\u200f שלום 👩‍👩‍👧",
	},
	"message.posted.2": { // plain text, written and read by hand
		Room: roomID, Seq: 12, Kind: domain.MessagePosted, ID: "llllllllllllllllllll", At: domain.At(noon), Actor: guest,
		Key: "0198c5d2-7a3b-7c1e-9f00-0123456789ab", Body: "<b>Привет</b> & שלום, 👩‍👩‍👧\x7f",
	},
	"member.left.1": {
		Room: roomID, Seq: 18446744073709551615, Kind: domain.MemberLeft, ID: "hhhhhhhhhhhhhhhhhhhh", At: domain.At(noon),
		Actor: bob, Key: "iiiiiiiiiiiiiiiiiiii", User: &bob,
	},
	"room.reset.1": {Room: roomID, Seq: 11, Kind: domain.RoomReset, ID: "kkkkkkkkkkkkkkkkkkkk", At: domain.At(noon)},
	"event.lost.1": {Room: roomID, Seq: 10, Kind: domain.EventLost, ID: "jjjjjjjjjjjjjjjjjjjj", At: domain.At(noon)},
}

func goldenFiles(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimSuffix(filepath.Base(path), ".json")] = bytes.TrimSuffix(b, []byte("\n"))
	}
	return files
}

func TestEncodeEvent_golden(t *testing.T) {
	files := goldenFiles(t)
	for name, e := range golden {
		rec, err := domain.EncodeEvent(e)
		check(t, err)
		if !bytes.Equal(rec.Payload, files[name]) {
			t.Errorf("%s:\n got %s\nfile %s", name, rec.Payload, files[name])
		}
	}
}

// Every file that was ever added is still understood in full: nothing is lost when
// it is decoded and encoded again.
func TestDecodeRecord_golden(t *testing.T) {
	for name, payload := range goldenFiles(t) {
		rec, err := domain.DecodeRecord(payload)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e, err := rec.Event()
		check(t, err)
		again, err := domain.EncodeEvent(e)
		check(t, err)
		if !bytes.Equal(again.Payload, payload) {
			t.Errorf("%s:\n now %s\nfile %s", name, again.Payload, payload)
		}
	}
}

func TestGolden_everyKindHasAFile(t *testing.T) {
	files := goldenFiles(t)
	for _, kind := range kindsInSource(t) {
		if files[kind+".1"] == nil {
			t.Errorf("testdata/events/%s.1.json is missing", kind)
		}
	}
}

// kindsInSource reads the constants of type Kind out of event.go.
func kindsInSource(t *testing.T) (kinds []string) {
	f, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	check(t, err)
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "Kind" {
			kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			check(t, err)
			kinds = append(kinds, kind)
		}
		return true
	})
	if len(kinds) == 0 {
		t.Fatal("event.go declares no kinds")
	}
	return kinds
}

// What the append script does with EncodeUnsequenced is what EncodeEvent does.
func TestEncodeUnsequenced_withDigitsIsTheRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := event().Draw(t, "event")
		rec, err := domain.EncodeEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		// whatever seq the event holds beforehand
		before := e
		before.Seq = rapid.Uint64().Draw(t, "seq before")
		payload, at, err := domain.EncodeUnsequenced(before)
		if err != nil {
			t.Fatal(err)
		}
		spliced := string(payload[:at]) + strconv.FormatUint(e.Seq, 10) + string(payload[at:])
		if spliced != string(rec.Payload) {
			t.Fatalf("\n got %s\nwant %s", spliced, rec.Payload)
		}
	})
}

func TestRecord_holdsTheEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := event().Draw(t, "event")
		rec, err := domain.EncodeEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := domain.DecodeRecord(rec.Payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decoded.Event()
		if err != nil {
			t.Fatal(err)
		}
		if decoded.Room != e.Room || decoded.Seq != e.Seq || decoded.Kind() != e.Kind || !got.SameContent(e) ||
			got.ID != e.ID || got.Key != e.Key || got.Actor != e.Actor || !got.At.Equal(e.At.Time) {
			t.Fatalf("\n got %+v\nwant %+v", got, e)
		}
		checkTail(t, decoded)
	})
}

// checkTail holds the tail, behind any opening, to being the same JSON.
func checkTail(t rapid.TB, rec domain.Record) {
	if !bytes.HasPrefix(rec.Tail(), []byte(`"kind":"`)) {
		t.Fatalf("tail %q does not begin with the kind", rec.Tail())
	}
	if frame := `{"type":"event","event":{` + string(rec.Tail()) + `}`; !json.Valid([]byte(frame)) {
		t.Fatalf("the frame is not JSON: %s", frame)
	}
}

// What is written by hand is, byte for byte, what encoding/json writes, and back.
func TestCodec_isEncodingJSON(t *testing.T) {
	text := rapid.SampledFrom([]string{"x", "plain <text> & 'more'", "שלום 👋\u007f\ufffd", "", `"quoted"`, `back\slash`, "two\nlines", "\u2028", "\u2029", "\x00", "\xff", "\xe2\x80"})
	zone := rapid.SampledFrom([]*time.Location{time.UTC, noon.Location(), time.FixedZone("", -3600)})
	rapid.Check(t, func(t *rapid.T) {
		e := event().Draw(t, "event")
		if rapid.Bool().Draw(t, "posted") {
			e = domain.Event{Room: e.Room, Seq: e.Seq, Kind: domain.MessagePosted, ID: "i", Actor: e.Actor, Key: "k", Body: "b", At: domain.Time{Time: noon.In(zone.Draw(t, "zone"))}}
			change := rapid.SampledFrom([]*string{&e.ID, (*string)(&e.Actor.ID), &e.Actor.Name, &e.Key, &e.Body, &e.Name, (*string)(&e.Role), new(string)}).Draw(t, "changed")
			*change = text.Draw(t, "text")
		}
		rec, err := domain.EncodeEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
		if want := bytes.TrimSpace(buf.Bytes()); !bytes.Equal(rec.Payload, want) {
			t.Fatalf("\n got %s\nwant %s", rec.Payload, want)
		}
		checkDecode(t, rec.Payload)
	})
}

// checkDecode holds DecodeEvent to accept and return what encoding/json does.
func checkDecode(t rapid.TB, payload []byte) {
	var want domain.Event
	ok := utf8.Valid(payload) && json.Unmarshal(payload, &want) == nil &&
		want.Seq != 0 && want.Kind != "" && domain.ValidID(string(want.Room))
	got, err := domain.DecodeEvent(payload)
	if (err == nil) != ok || ok && !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\n got %+v, %v\nwant %+v, accepted: %v", payload, got, err, want, ok)
	}
}

func event() *rapid.Generator[domain.Event] {
	return rapid.Custom(func(t *rapid.T) domain.Event {
		text := rapid.String()
		e := domain.Event{
			Room: domain.RoomID(rapid.StringMatching(`[a-z2-7]{20}`).Draw(t, "room")),
			Seq:  rapid.Uint64Min(1).Draw(t, "seq"),
			Kind: domain.Kind(rapid.SampledFrom([]string{"room.created", "member.joined", "message.posted", "a.b"}).Draw(t, "kind")),
			ID:   text.Draw(t, "id"), Actor: rapid.SampledFrom(people).Draw(t, "actor"), Key: text.Draw(t, "key"),
			At: domain.At(noon), Body: text.Draw(t, "body"), Name: text.Draw(t, "name"),
		}
		if rapid.Bool().Draw(t, "about somebody") {
			e.User, e.Role = &bob, domain.Moderator
		}
		return e
	})
}

func TestDecodeRecord_refuses(t *testing.T) {
	const good = `{"room":"k3v5q2x7m4n6p2r7s5t3","seq":42,"kind":"message.posted","id":"x"}`
	const posted = `{"room":"k3v5q2x7m4n6p2r7s5t3","seq":42,"kind":"message.posted","id":"i","at":"2026-11-24T11:00:00.123Z",` +
		`"actor":{"id":"u","name":"Ada"},"key":"k","body":"hi"}`
	for _, payload := range []string{good, posted} {
		if _, err := domain.DecodeRecord([]byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	for situation, payload := range map[string]string{
		"nothing":              "",
		"half of it":           good[:40],
		"more behind it":       good + "{}",
		"not JSON":             "hello",
		"not an object":        "[]",
		"null":                 "null",
		"not UTF-8":            strings.Replace(good, `"x"`, "\"\xff\"", 1),
		"seq 0":                strings.Replace(good, "42", "0", 1),
		"seq below 0":          strings.Replace(good, "42", "-1", 1),
		"seq 1.5":              strings.Replace(good, "42", "1.5", 1),
		"seq too large":        strings.Replace(good, "42", "18446744073709551616", 1),
		"seq left out":         strings.Replace(good, "42", "", 1),
		"a seq again":          strings.Replace(good, `"id":"x"`, `"seq":4`, 1),
		"a kind again":         strings.Replace(good, `"id":"x"`, `"kind":"other"`, 1),
		"no kind":              strings.Replace(good, "message.posted", "", 1),
		"no room":              strings.Replace(good, "k3v5q2x7m4n6p2r7s5t3", "", 1),
		"a room out of bounds": strings.Replace(good, "k3v5", "../k", 1),
		"spaces":               strings.Replace(good, ",", ", ", 1),
		"another order":        `{"seq":42,"room":"k3v5q2x7m4n6p2r7s5t3","kind":"message.posted","id":"x"}`,
		"kind is not third":    `{"room":"k3v5q2x7m4n6p2r7s5t3","seq":42,"id":"x","kind":"message.posted"}`,
		"a seq with zeros":     strings.Replace(posted, "42", "042", 1),
		"posted, seq 0":        strings.Replace(posted, "42", "0", 1),
		"posted in no room":    strings.Replace(posted, "k3v5", "../k", 1),
		"posted at no time":    strings.Replace(posted, "T11", "T99", 1),
		"posted, more behind":  posted + " {}",
		"posted, not UTF-8":    strings.Replace(posted, `"hi"`, "\"\xff\"", 1),
		"posted, a line end":   strings.Replace(posted, `"hi"`, "\"\n\"", 1),
	} {
		if rec, err := domain.DecodeRecord([]byte(payload)); err == nil {
			t.Errorf("%s: %q is accepted as %+v", situation, payload, rec)
		}
	}
}

// A Record of any bytes, as an archive gone bad could return it, must not panic.
func TestRecord_ofRubbish(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := domain.Record{Room: roomID, Seq: 1, Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload")}
		rec.Tail()
		rec.Kind()
		_, _ = rec.Event()
	})
}

func FuzzDecodeRecord(f *testing.F) {
	for _, payload := range goldenFiles(f) {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		checkDecode(t, payload)
		rec, err := domain.DecodeRecord(payload)
		if err != nil {
			return
		}
		e, err := rec.Event()
		if err != nil {
			t.Fatalf("a decoded record has no event: %v", err)
		}
		if e.Room != rec.Room || e.Seq != rec.Seq || e.Kind != rec.Kind() {
			t.Fatalf("record %s/%d %s holds %+v", rec.Room, rec.Seq, rec.Kind(), e)
		}
		checkTail(t, rec)
	})
}

func TestTime_hasAlwaysThreeDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instant := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		instant = instant.In(time.FixedZone("", rapid.IntRange(-18, 18).Draw(t, "hours")*3600))
		got, err := domain.Time{Time: instant}.AppendText([]byte("at "))
		if want := instant.UTC().Format("at 2006-01-02T15:04:05.000Z"); err != nil || string(got) != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestTime_isCutToMillisecondsInUTC(t *testing.T) {
	b, err := json.Marshal(domain.At(noon))
	check(t, err)
	if want := `"2026-11-24T11:00:00.123Z"`; string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
	var back domain.Time
	check(t, json.Unmarshal([]byte(`"2026-11-24T12:00:00.1239+01:00"`), &back))
	if back != domain.At(noon) {
		t.Errorf("read back %v", back)
	}
	if err := json.Unmarshal([]byte(`"yesterday"`), &back); err == nil {
		t.Error("accepted a time that is none")
	}
}

func TestEvent_sameContent(t *testing.T) {
	base := golden["message.posted.1"]
	same := base
	same.Seq, same.ID, same.At = 99, "other", domain.Time{}
	if !base.SameContent(same) {
		t.Error("seq, id and time are not content")
	}
	for situation, change := range map[string]func(*domain.Event){
		"kind":       func(e *domain.Event) { e.Kind = domain.EventLost },
		"body":       func(e *domain.Event) { e.Body += " " },
		"name":       func(e *domain.Event) { e.Name = "x" },
		"visibility": func(e *domain.Event) { e.Visibility = domain.Public },
		"role":       func(e *domain.Event) { e.Role = domain.Owner },
		"user":       func(e *domain.Event) { e.User = &bob },
	} {
		other := base
		change(&other)
		if base.SameContent(other) || other.SameContent(base) {
			t.Errorf("another %s is the same content", situation)
		}
	}
}

func TestMessageOf(t *testing.T) {
	e := golden["message.posted.1"]
	want := domain.Message{Room: e.Room, Seq: e.Seq, ID: e.ID, Key: e.Key, At: e.At, Author: guest, Body: e.Body}
	if got := domain.MessageOf(e); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
