package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web/strictjson"
)

type target struct {
	Name  string   `json:"name"`
	Key   *string  `json:"key"`
	After *uint64  `json:"after,omitempty"`
	On    bool     `json:"on"`
	Tags  []string `json:"tags"`
	Skip  string   // no tag: not of the wire
}

func TestUnmarshal_accepts(t *testing.T) {
	seven, empty := uint64(7), ""
	for text, want := range map[string]target{
		`{}`:                                      {},
		` {"name":"ada"} ` + "\n":                 {Name: "ada"},
		`{"name":"ada","after":7,"on":true}`:      {Name: "ada", After: &seven, On: true},
		`{"after":null,"name":null,"key":null}`:   {},
		`{"key":"","tags":["]","\"}"]}`:           {Key: &empty, Tags: []string{"]", `"}`}},
		`{"other":[[],{"a":"}"}],"name":"a\n"}`:   {Name: "a\n"},
		"{\t\"name\"\r:\n\"ada\" , \"after\":7 }": {Name: "ada", After: &seven},
		`{"NAME":"eve","nAme":1,"name":"ada"}`:    {Name: "ada"},
		`{"skip":"x","Skip":"y","other":{"a":1}}`: {},
		`{"other":1,"other":2,"name":"ada"}`:      {Name: "ada"},
		`{"name":"\ud83d\ude00\\ud800"}`:          {Name: "😀\\ud800"},
		`{"n\u0061me":"ada"}`:                     {Name: "ada"},
	} {
		var got target
		require.NoError(t, strictjson.Unmarshal([]byte(text), &got), text)
		require.Equal(t, want, got, text)
	}
}

func TestUnmarshal_refuses(t *testing.T) {
	for text, why := range map[string]string{
		``:                           "missing",
		" \n":                        "missing",
		`null`:                       "a JSON object is wanted",
		`[]`:                         "a JSON object is wanted",
		`"name"`:                     "a JSON object is wanted",
		`{"name":"ada"`:              "not one JSON object",
		`{"name":"ada"}}`:            "not one JSON object",
		`{"name":"ada"} {}`:          "not one JSON object",
		`{"name":"ada",}`:            "not one JSON object",
		`{"name":"ada" "on":true}`:   "not one JSON object",
		`{"name"}`:                   "not one JSON object",
		`{"name":}`:                  "not one JSON object",
		`{,}`:                        "not one JSON object",
		`{1:2}`:                      "not one JSON object",
		`{"other":[}`:                "not one JSON object",
		`{"other":01}`:               "not one JSON object",
		`{"name":"\x"}`:              "not one JSON object",
		"{} \x00":                    "not one JSON object",
		`{'name':'ada'}`:             "not one JSON object",
		"{\"name\":\"a\tb\"}":        "not one JSON object",
		"\ufeff{}":                   "not one JSON object",
		"{\"name\":\"\xff\"}":        "UTF-8",
		"{\"x\":\"\xed\xa0\x80\"}":   "UTF-8",
		`{"x":"\ud800"}`:             "surrogate",
		`{"x":"\udc00\ud800"}`:       "surrogate",
		`{"x":"\uD800\u0041"}`:       "surrogate",
		`{"x":"\ud800\\udc00"}`:      "surrogate",
		`{"x":"\\\ud800"}`:           "surrogate",
		`{"\ud800":1}`:               "surrogate",
		`{"name":"a","name":"a"}`:    `"name" is there twice`,
		`{"name":"a","\u006eame":1}`: `"name" is there twice`,
		`{"on":1,"on":1,"x":`:        "not one JSON object", // the gravest fault is told
		`{"on":1,"on":1,"\ud800":1}`: "surrogate",
		`{"on":1,"on":true}`:         `"on" is there twice`,
		`{"name":7}`:                 `"name" must be a string, not number`,
		`{"name":{"$ne":null}}`:      `"name" must be a string, not object`,
		`{"after":-1}`:               `"after" must be a whole number, 0 or more`,
		`{"after":1.5}`:              `"after" must be a whole number, 0 or more`,
		`{"after":1e400}`:            `"after" must be a whole number, 0 or more`,
		`{"on":"yes"}`:               `"on" must be true or false, not string`,
		`{"tags":{}}`:                `"tags" must be an array, not object`,
	} {
		err := strictjson.Unmarshal([]byte(text), &target{})
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), text)
		require.ErrorContains(t, err, why, text)
	}
}

// FuzzUnmarshal holds it against encoding/json: it calls JSON what is JSON there,
// whatever it accepts means the same there, and text comes out as valid UTF-8 without
// replacement of what was sent.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{
		`{"name":"ada","after":7}`, `{"name":"\ud83d\ude00"}`, `{"name":"\ud800"}`, `{"NAME":"x","name":"y"}`,
		`{"name":"a","name":"b"}`, `{"name":"\\ud800"}`, "{\"name\":\"\xff\"}", `{"name":"\ufffd"}`, `{"tags":["\\","\u005c"]}`,
		" {\t\"x\" : [1, {\"y\":\"]\"}],\r\n\"key\":\"\\\"\" } ", `{"on":true,"after":null,"name":""}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var all map[string]json.RawMessage
		object := json.Unmarshal(data, &all) == nil && all != nil
		var got target
		err := strictjson.Unmarshal(data, &got)
		if err != nil {
			if domain.CodeOf(err) != domain.CodeInvalid || !utf8.ValidString(err.Error()) {
				t.Fatalf("%q: %v", data, err)
			}
			if object && strings.Contains(err.Error(), "JSON object") {
				t.Fatalf("refused %q, which is one: %v", data, err)
			}
			return
		}
		if !object {
			t.Fatalf("accepted %q, which is no object", data)
		}
		var want target
		for name, field := range map[string]any{"name": &want.Name, "key": &want.Key, "after": &want.After, "on": &want.On, "tags": &want.Tags} {
			if raw, ok := all[name]; ok {
				require.NoError(t, json.Unmarshal(raw, field), "accepted %q", data)
			}
		}
		require.Equal(t, want, got, "%q", data)
		replaced := strings.Count(got.Name, "\ufffd")
		sent := strings.Count(string(data), "\ufffd") + strings.Count(strings.ToLower(string(data)), `\ufffd`)
		if replaced > sent {
			t.Fatalf("%q: something was replaced in %q", data, got.Name)
		}
	})
}
