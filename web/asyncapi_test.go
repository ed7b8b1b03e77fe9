package web_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// frameSchemas are the schemas of asyncapi.yaml by frame type, closed, so that a
// field which they do not describe is a failure too.
var frameSchemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	doc, err := asyncAPIDoc()
	if err != nil {
		return nil, err
	}
	components := doc["components"].(map[string]any)
	closeObjects(components["schemas"])
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("asyncapi.json", doc); err != nil {
		return nil, err
	}
	schemas := map[string]*jsonschema.Schema{}
	for name := range components["messages"].(map[string]any) {
		if schemas[name], err = compiler.Compile("asyncapi.json#/components/schemas/" + name); err != nil {
			return nil, err
		}
	}
	return schemas, nil
})

func asyncAPIDoc() (map[string]any, error) {
	text, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		return nil, err
	}
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		return nil, err
	}
	return doc.(map[string]any), nil
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, part := range v {
			closeObjects(part)
		}
	case []any:
		for _, part := range v {
			closeObjects(part)
		}
	}
}

// checkFrame holds a frame against asyncapi.yaml and returns its type.
func checkFrame(t testing.TB, frame []byte) string {
	t.Helper()
	schemas, err := frameSchemas()
	require.NoError(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(frame))
	require.NoError(t, err, "%s", frame)
	kind, _ := v.(map[string]any)["type"].(string)
	require.Contains(t, schemas, kind, "%s", frame)
	require.NoError(t, schemas[kind].Validate(v), "%s", frame)
	return kind
}

func TestAsyncAPI_describesEveryGoldenFrame(t *testing.T) {
	files, err := filepath.Glob("frames/testdata/*/*.json")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, file := range files {
		frame, err := os.ReadFile(file)
		require.NoError(t, err)
		seen[checkFrame(t, frame)] = true
	}
	schemas, err := frameSchemas()
	require.NoError(t, err)
	require.Equal(t, slices.Sorted(maps.Keys(schemas)), slices.Sorted(maps.Keys(seen)), "there is a golden file for every frame")
}

func TestAsyncAPI_refusesWhatItDoesNotDescribe(t *testing.T) {
	schemas, err := frameSchemas()
	require.NoError(t, err)
	for kind, frame := range map[string]string{
		"ack":       `{"type":"ack","id":"1","room":"aaaaaaaaaaaaaaaaaaaa","seq":1,"at":"2026-11-24T06:00:00.123Z","secret":1}`,
		"welcome":   `{"type":"welcome","user":{"id":"aaaaaaaaaaaaaaaaaaaa","name":"ada","password":"x"},"node":"n1","ping_ms":1,"max_body":1}`,
		"event":     `{"type":"event","room":"aaaaaaaaaaaaaaaaaaaa","seq":1,"event":{"kind":"unheard.of","id":"aaaaaaaaaaaaaaaaaaaa"}}`,
		"caught_up": `{"type":"caught_up","room":"aaaaaaaaaaaaaaaaaaaa","seq":"1"}`,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(frame))
		require.NoError(t, err)
		require.Error(t, schemas[kind].Validate(v), frame)
	}
}

func TestAsyncAPI_everyReferenceLeadsSomewhere(t *testing.T) {
	doc, err := asyncAPIDoc()
	require.NoError(t, err)
	var follow func(v any)
	follow = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				var at any = doc
				for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
					at, _ = at.(map[string]any)[part]
				}
				require.NotNil(t, at, ref)
			}
			for _, part := range v {
				follow(part)
			}
		case []any:
			for _, part := range v {
				follow(part)
			}
		}
	}
	follow(doc)
}

func TestAsyncAPI_isServed(t *testing.T) {
	a := newRig(t).ask("GET", "/api/v1/asyncapi.yaml", "").ok(http.StatusOK)
	require.True(t, strings.HasPrefix(a.raw, "asyncapi: 3.0.0"))
}
