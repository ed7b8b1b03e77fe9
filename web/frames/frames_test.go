package frames_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web/frames"
)

var update = flag.Bool("update", false, "write new golden files")

const (
	room  = domain.RoomID("aaaaaaaaaaaaaaaaaaaa")
	epoch = "eeeeeeeeeeeeeeeeeeee"
)

var (
	ada   = domain.User{ID: "uuuuuuuuuuuuuuuuuuu2", Name: "ada"}
	guest = domain.User{ID: "uuuuuuuuuuuuuuuuuuu3", Name: "Bob", Guest: true}
	at    = domain.At(time.Date(2026, 11, 24, 6, 0, 0, 123_456_789, time.UTC))
)

func serverFrames() map[string]frames.Frame {
	event := func(e domain.Event) frames.Frame {
		e.Room, e.At, e.Actor = room, at, ada
		e.ID = epoch
		return frames.EventFrame{Event: e}
	}
	return map[string]frames.Frame{
		"welcome":        frames.Welcome{User: ada, Node: "n1", PingMS: 25000, MaxBody: 8192},
		"welcome_guest":  frames.Welcome{User: guest, Node: "n1", PingMS: 25000, MaxBody: 8192},
		"subscribed":     frames.Subscribed{ID: "1", Room: room, Epoch: epoch, Head: 44},
		"caught_up":      frames.CaughtUp{Room: room, Seq: 44},
		"unsubscribed":   frames.Unsubscribed{ID: "2", Room: room},
		"ack":            frames.Ack{ID: "3", Room: room, Seq: 45, At: at},
		"ack_duplicate":  frames.Ack{ID: "3", Room: room, Seq: 45, At: at, Duplicate: true},
		"pong":           frames.Pong{ID: "7"},
		"error":          frames.Error{ID: "3", Code: domain.CodeRateLimited, Message: "slow down", RetryAfterMS: 700},
		"error_no_id":    frames.Error{Code: domain.CodeInvalid, Message: "the frame is not valid JSON"},
		"error_ended":    frames.Error{ID: "1", Room: room, Code: domain.CodeNotFound, Message: "no such room, or it is private and you are not a member"},
		"reset":          frames.Reset{ID: "1", Room: room, Epoch: epoch, Head: 12},
		"heartbeat":      frames.Heartbeat{Heads: map[domain.RoomID]uint64{room: 45, "bbbbbbbbbbbbbbbbbbbb": 0}},
		"heartbeat_none": frames.Heartbeat{Heads: map[domain.RoomID]uint64{}},
		"goodbye":        frames.Goodbye{Code: "restart", RetryAfterMS: 830},

		"event_room_created":   event(domain.Event{Seq: 1, Kind: domain.RoomCreated, Key: "k1", Name: "lounge", Visibility: domain.Public}),
		"event_member_joined":  event(domain.Event{Seq: 2, Kind: domain.MemberJoined, Key: "k2", User: &guest, Role: domain.Ordinary}),
		"event_member_left":    event(domain.Event{Seq: 3, Kind: domain.MemberLeft, Key: "k3", User: &guest}),
		"event_message_posted": event(domain.Event{Seq: 42, Kind: domain.MessagePosted, Key: "K", Body: "hi \"<ada>\" 👋\nsecond line"}),
		"event_room_reset":     event(domain.Event{Seq: 44, Kind: domain.RoomReset}),
		"event_lost":           event(domain.Event{Seq: 43, Kind: domain.EventLost}),
	}
}

func clientFrames() map[string]frames.Frame {
	after := uint64(41)
	start := uint64(0)
	return map[string]frames.Frame{
		"subscribe":       frames.Subscribe{ID: "1", Room: room, After: &after},
		"subscribe_start": frames.Subscribe{ID: "1", Room: room, After: &start},
		"subscribe_live":  frames.Subscribe{ID: "1", Room: room},
		"subscribe_epoch": frames.Subscribe{ID: "1", Room: room, After: &after, Epoch: epoch},
		"unsubscribe":     frames.Unsubscribe{ID: "2", Room: room},
		"send":            frames.Send{ID: "3", Room: room, Key: "K", Body: "hi"},
		"send_no_key":     frames.Send{ID: "3", Room: room, Body: "hi"},
		"ping":            frames.Ping{ID: "7"},
	}
}

// golden compares JSON with a golden file, byte for byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run go test -update for a new frame")
	require.Equal(t, strings.TrimSuffix(string(want), "\n"), string(got))
}

func TestServerFrames_golden(t *testing.T) {
	for name, f := range serverFrames() {
		t.Run(name, func(t *testing.T) {
			var wire []byte
			if e, ok := f.(frames.EventFrame); ok {
				rec, err := domain.EncodeEvent(e.Event)
				require.NoError(t, err)
				wire = frames.Event(rec)
			} else {
				wire = frames.Text(f)
			}
			payload := received(t, wire)
			golden(t, "server/"+name, payload)

			back, err := frames.DecodeServer(payload)
			require.NoError(t, err)
			require.Equal(t, f, back)
			require.JSONEq(t, string(payload), string(frames.Marshal(f)))
		})
	}
}

func TestAck_isWhatEncodingJSONWrites(t *testing.T) {
	for _, text := range []string{"", "1", "a b~", "<", ">", "&", `"`, `\`, "\n", "\x7f", "Я\u2028", "\xff"} {
		ack := frames.Ack{ID: text, Room: domain.RoomID(text), Seq: 1<<64 - 1, At: at, Duplicate: text == "1"}
		want, err := json.Marshal(ack)
		require.NoError(t, err)
		require.Equal(t, `{"type":"ack",`+string(want[1:]), string(frames.Marshal(ack)))
	}
}

func TestClientFrames_golden(t *testing.T) {
	for name, f := range clientFrames() {
		t.Run(name, func(t *testing.T) {
			payload := frames.Marshal(f)
			golden(t, "client/"+name, payload)
			id, back, err := frames.Decode(payload)
			require.NoError(t, err)
			require.Equal(t, f, back)
			require.NotEmpty(t, id)
		})
	}
}

// received passes raw bytes through gorilla's client, which checks the framing.
func received(t *testing.T, wire []byte) []byte {
	t.Helper()
	conn := clientOf(t, wire)
	kind, payload, err := conn.ReadMessage()
	require.NoError(t, err)
	require.Equal(t, websocket.TextMessage, kind)
	return payload
}

// clientOf returns a gorilla client that reads wire as what its server sent.
func clientOf(t *testing.T, wire []byte) *websocket.Conn {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.NetConn().Write(wire)
		_, _, _ = conn.ReadMessage() // until the client has gone
	}))
	t.Cleanup(server.Close)
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestEvent_everyHeaderLength(t *testing.T) {
	for _, n := range []int{1, 50, 125, 126, 1000, 65_300, 65_535, 65_536, 200_000} {
		e := domain.Event{Room: room, Seq: 1 << 40, Kind: domain.MessagePosted, ID: epoch, At: at, Actor: ada, Body: strings.Repeat("x", n)}
		rec, err := domain.EncodeEvent(e)
		require.NoError(t, err)
		f, err := frames.DecodeServer(received(t, frames.Event(rec)))
		require.NoError(t, err)
		require.Equal(t, frames.EventFrame{Event: e}, f)
	}
}

func TestDecode_refuses(t *testing.T) {
	long := strings.Repeat("i", frames.MaxIDBytes+1)
	for name, c := range map[string]struct{ in, id, says string }{
		"nothing":                {``, "", "object is missing"},
		"no JSON":                {`hello`, "", "not one JSON object"},
		"array":                  {`[{"id":"1"}]`, "", "JSON object is wanted"},
		"cut off":                {`{"id":"1","type":"send","body":"he`, "1", "not one JSON object"},
		"cut off before the id":  {`{"type":"send","bo`, "", "not one JSON object"},
		"no closing brace":       {`{"id":"1"`, "1", "not one JSON object"},
		"two objects":            {`{"type":"unsubscribe","id":"1","room":"R"}{"type":"send"}`, "1", "after top-level value"},
		"no type":                {`{"id":"1"}`, "1", "unknown type"},
		"unknown type":           {`{"id":"1","type":"subscrib"}`, "1", `unknown type "subscrib"`},
		"type in capitals":       {`{"id":"1","Type":"send"}`, "1", "unknown type"},
		"type is a number":       {`{"id":"1","type":7}`, "1", `"type" must be a string`},
		"type is null":           {`{"id":"1","type":null}`, "1", "unknown type"},
		"no id":                  {`{"type":"send","room":"R","body":"x"}`, "", "needs an id"},
		"no room":                {`{"type":"send","id":"1","body":"x"}`, "1", "needs a room"},
		"ping without an id":     {`{"type":"ping"}`, "", "needs an id"},
		"empty id":               {`{"type":"send","id":"","room":"R","body":"x"}`, "", "needs an id"},
		"id is a number":         {`{"type":"send","id":1}`, "", `"id" must be a string`},
		"long id":                {`{"type":"send","id":"` + long + `"}`, "", "id of 1 to 64 bytes"},
		"id not UTF-8":           {"{\"type\":\"send\",\"id\":\"\xff\"}", "", "not valid UTF-8"},
		"body not UTF-8":         {"{\"type\":\"send\",\"id\":\"1\",\"body\":\"\xff\"}", "1", "not valid UTF-8"},
		"half a surrogate":       {`{"type":"send","id":"1","body":"a\ud800"}`, "1", "surrogate"},
		"field twice":            {`{"type":"send","id":"1","body":"a","body":"b"}`, "1", "twice"},
		"empty key":              {`{"type":"send","id":"1","room":"R","key":"","body":"b"}`, "1", "key"},
		"long key":               {`{"type":"send","id":"1","room":"R","key":"` + long + `","body":"b"}`, "1", "key"},
		"body is an object":      {`{"type":"send","id":"1","body":{"$ne":null}}`, "1", `"body" must be a string`},
		"after is negative":      {`{"type":"subscribe","id":"1","room":"R","after":-1}`, "1", `"after" must be a whole number`},
		"after is a string":      {`{"type":"subscribe","id":"1","room":"R","after":"1"}`, "1", `"after" must be a whole number`},
		"after is a fraction":    {`{"type":"subscribe","id":"1","room":"R","after":1.5}`, "1", `"after" must be a whole number`},
		"after is beyond 2^53":   {`{"type":"subscribe","id":"1","room":"R","after":9007199254740992}`, "1", "after must be"},
		"nested beyond measure":  {`{"id":"1","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "1", "max depth"},
		"a NUL in the structure": {"{\"id\":\"1\",\x00}", "1", "not one JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			id, f, err := frames.Decode([]byte(c.in))
			require.Nil(t, f)
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			require.ErrorContains(t, err, c.says)
			require.Equal(t, c.id, id)
		})
	}
}

func TestDecode_accepts(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want frames.Frame
	}{
		"unknown fields":        {`{"type":"send","id":"1","room":"R","body":"x","author":"eve","seq":{"a":[1]}}`, frames.Send{ID: "1", Room: "R", Body: "x"}},
		"another case":          {`{"type":"send","id":"1","room":"R","body":"x","Body":"y","ID":"2"}`, frames.Send{ID: "1", Room: "R", Body: "x"}},
		"white space":           {" {\"type\":\"send\",\n\"id\":\"1\", \"room\":\"R\",\"body\":\"x\"}\n ", frames.Send{ID: "1", Room: "R", Body: "x"}},
		"a whole pair":          {`{"type":"send","id":"1","room":"R","body":"\ud83d\udc4b"}`, frames.Send{ID: "1", Room: "R", Body: "👋"}},
		"replacement character": {`{"type":"send","id":"1","room":"R","body":"\uFFFD�"}`, frames.Send{ID: "1", Room: "R", Body: "��"}},
	} {
		t.Run(name, func(t *testing.T) {
			id, f, err := frames.Decode([]byte(c.in))
			require.NoError(t, err)
			require.Equal(t, "1", id)
			require.Equal(t, c.want, f)
		})
	}
}

func TestFindID_inTheBeginningOfALongFrame(t *testing.T) {
	long := strings.Repeat("x", 1000)
	require.Equal(t, "7", frames.FindID([]byte(`{"type":"send","id":"7","body":"`+long)))
	require.Equal(t, "", frames.FindID([]byte(`{"type":"send","body":"`+long)))
}

func TestIDFinder(t *testing.T) {
	long := strings.Repeat(`x\"id\":\"fake\",`, 1000)
	for situation, c := range map[string]struct{ frame, id string }{
		"after a long body":        {`{"body":"` + long + `","id":"7","type":"send"}`, "7"},
		"after nested ones":        {`{"a":{"id":"fake","b":[{"id":"fake"}]},"c":["id","fake"], "id" : "7"}`, "7"},
		"a value that says id":     {`{"a":"id","b":"fake","id":"7"}`, "7"},
		"with escapes":             {`{"id":"\u0037\""}`, `7"`},
		"of 64 escaped characters": {`{"id":"` + strings.Repeat(`\u0041`, 64) + `"}`, strings.Repeat("A", 64)},
		"the first of two":         {`{"id":"7","id":"8"}`, "7"},
		"before what is broken":    {`{"id":"7",,,`, "7"},
		"half":                     {`{"id":"7`, ""},
		"too long":                 {`{"id":"` + long + `"}`, ""},
		"empty":                    {`{"id":""}`, ""},
		"a number":                 {`{"id":7}`, ""},
		"not UTF-8":                {"{\"id\":\"\xff\"}", ""},
		"of another object":        {`{"a":1}{"id":"fake"}`, ""},
		"in a list":                {`[{"id":"fake"}]`, ""},
		"in a text":                {`"{\"id\":\"fake\"}"`, ""},
		"after rubbish":            {`x{"id":"fake"}`, ""},
	} {
		t.Run(situation, func(t *testing.T) {
			for _, step := range []int{1, 7, len(c.frame)} {
				var f frames.IDFinder
				for rest := []byte(c.frame); len(rest) > 0; rest = rest[min(step, len(rest)):] {
					n, err := f.Write(rest[:min(step, len(rest))])
					require.NoError(t, err)
					require.Equal(t, min(step, len(rest)), n)
				}
				require.Equal(t, c.id, f.ID())
			}
		})
	}
}

func TestControlFrames(t *testing.T) {
	conn := clientOf(t, append(append(frames.ControlPing(), frames.ControlPong("payload")...), frames.Close(4008, "too slow")...))
	var heard []string
	conn.SetPingHandler(func(string) error { heard = append(heard, "ping"); return nil })
	conn.SetPongHandler(func(p string) error { heard = append(heard, "pong "+p); return nil })
	_, _, err := conn.ReadMessage()
	require.Equal(t, &websocket.CloseError{Code: 4008, Text: "too slow"}, err)
	require.Equal(t, []string{"ping", "pong payload"}, heard)
}

func TestDecodeServer_unknownType(t *testing.T) {
	f, err := frames.DecodeServer([]byte(`{"type":"typing","room":"R"}`))
	require.NoError(t, err)
	require.Equal(t, frames.Unknown{Name: "typing"}, f)
	_, err = frames.DecodeServer([]byte(`{"type":"ack","seq":"one"}`))
	require.Error(t, err)
}

// Record is the inverse of Event, whatever the length of the frame's header.
func TestRecord_isTheInverseOfEvent(t *testing.T) {
	for _, n := range []int{0, 1, 200, 8 << 10, 70 << 10} {
		want, err := domain.EncodeEvent(domain.Event{Room: room, Seq: 42, Kind: domain.MessagePosted, ID: epoch, At: at, Actor: ada, Body: strings.Repeat("}", n)})
		require.NoError(t, err)
		got, err := frames.Record(frames.Event(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func FuzzRecord(f *testing.F) {
	rec, err := domain.EncodeEvent(domain.Event{Room: room, Seq: 42, Kind: domain.MessagePosted, ID: epoch, At: at, Actor: ada, Body: "x"})
	require.NoError(f, err)
	f.Add(frames.Event(rec))
	f.Add([]byte{0x81, 126})
	f.Fuzz(func(t *testing.T, frame []byte) {
		if rec, err := frames.Record(frame); err == nil {
			require.NotZero(t, rec.Seq)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, seed := range clientFrames() {
		f.Add(frames.Marshal(seed))
	}
	f.Add([]byte(`{"id":"1","type":"send","body":"\ud800"}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		id, frame, err := frames.Decode(msg)
		require.LessOrEqual(t, len(id), frames.MaxIDBytes)
		if err != nil {
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			require.Nil(t, frame)
			return
		}
		require.True(t, json.Valid(msg))
		// What was understood says the same when it is said again.
		id2, again, err := frames.Decode(frames.Marshal(frame))
		require.NoError(t, err)
		require.Equal(t, id, id2)
		require.Equal(t, frame, again)
	})
}

func FuzzDecodeServer(f *testing.F) {
	for _, seed := range serverFrames() {
		f.Add(frames.Marshal(seed))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		if _, err := frames.DecodeServer(msg); err == nil {
			require.True(t, json.Valid(msg))
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	rec, err := domain.EncodeEvent(domain.Event{Room: room, Seq: 42, Kind: domain.MessagePosted, ID: epoch, At: at, Actor: ada, Body: strings.Repeat("x", 128)})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		frames.Event(rec)
	}
}

func BenchmarkAck(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		frames.Text(frames.Ack{ID: "1", Room: room, Seq: 42, At: at})
	}
}

func BenchmarkDecode_send(b *testing.B) {
	benchmarkDecode(b, frames.Send{ID: "1", Room: room, Key: "0190b0a0-0000-7000-8000-000000000000", Body: strings.Repeat("x", 128)})
}

// Escapes and numbers are left to encoding/json.
func BenchmarkDecode_sendOfTwoLines(b *testing.B) {
	benchmarkDecode(b, frames.Send{ID: "1", Room: room, Key: "0190b0a0-0000-7000-8000-000000000000", Body: strings.Repeat("x", 64) + "\n" + strings.Repeat("y", 63)})
}

func BenchmarkDecode_subscribe(b *testing.B) {
	after := uint64(41)
	benchmarkDecode(b, frames.Subscribe{ID: "1", Room: room, After: &after, Epoch: epoch})
}

func benchmarkDecode(b *testing.B, f frames.Frame) {
	msg := frames.Marshal(f)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := frames.Decode(msg); err != nil {
			b.Fatal(err)
		}
	}
}
