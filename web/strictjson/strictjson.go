// Package strictjson reads JSON objects sent by strangers. encoding/json is lenient
// where it should not be: it matches field names whatever their case, takes the last
// of two, puts U+FFFD where bytes or surrogates are broken, and ignores what follows.
// Two programs that read the same bytes differently are how checks are got round.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"confab/domain"
)

// Unmarshal reads one JSON object into the struct that v points to. Fields are
// matched by the exact name in their json tag; unknown ones are ignored. Errors are
// *domain.Error with CodeInvalid and say what to do.
func Unmarshal(data []byte, v any) error {
	if !utf8.Valid(data) {
		return invalid("the JSON is not valid UTF-8; encode it as UTF-8")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return invalid("a JSON object is missing; send one")
	}
	if err := checkSyntax(data); err != nil {
		return err
	}
	if loneSurrogate(data) {
		return invalid(`the JSON holds half a surrogate pair (\ud800 to \udfff); send whole characters`)
	}
	fields := fieldsOf(v)
	values, err := members(data, fields)
	if err != nil {
		return err
	}
	for name, raw := range values {
		if err := json.Unmarshal(raw, fields[name]); err != nil {
			return invalid("%s", typeMessage(name, err))
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return domain.Errorf(domain.CodeInvalid, format, args...)
}

// checkSyntax accepts exactly one JSON object.
func checkSyntax(data []byte) error {
	if !json.Valid(data) {
		var ignored json.RawMessage
		err := json.Unmarshal(data, &ignored)
		if s, ok := errors.AsType[*json.SyntaxError](err); ok {
			return invalid("this is not one JSON object: %s at byte %d", s.Error(), s.Offset)
		}
		return invalid("this is not one JSON object")
	}
	if data = bytes.TrimSpace(data); data[0] != '{' {
		return invalid("a JSON object is wanted, like {…}, and nothing else")
	}
	return nil
}

// fieldsOf returns pointers to the fields of the struct behind v by their JSON name.
func fieldsOf(v any) map[string]any {
	s := reflect.ValueOf(v).Elem()
	fields := make(map[string]any, s.NumField())
	for i := range s.NumField() {
		if name, _, _ := strings.Cut(s.Type().Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			fields[name] = s.Field(i).Addr().Interface()
		}
	}
	return fields
}

// members returns the object's members that are among the fields.
func members(data []byte, fields map[string]any) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil { // the opening brace
		return nil, invalid("this is not one JSON object")
	}
	values := map[string]json.RawMessage{}
	for dec.More() {
		var raw json.RawMessage
		name, err := dec.Token()
		if err == nil {
			err = dec.Decode(&raw)
		}
		if err != nil {
			return nil, invalid("this is not one JSON object")
		}
		key, _ := name.(string)
		if _, known := fields[key]; !known {
			continue
		}
		if _, twice := values[key]; twice {
			return nil, invalid("the field %q is there twice; send it once", key)
		}
		values[key] = raw
	}
	return values, nil
}

// typeMessage explains a value of the wrong type without naming Go's types.
func typeMessage(field string, err error) string {
	t, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return fmt.Sprintf("the field %q has a wrong value", field)
	}
	wanted := "another type"
	switch t.Type.Kind() {
	case reflect.String:
		wanted = "a string"
	case reflect.Bool:
		wanted = "true or false"
	case reflect.Int, reflect.Int64:
		wanted = "a whole number"
	case reflect.Uint, reflect.Uint64:
		wanted = "a whole number, 0 or more"
	case reflect.Struct, reflect.Map:
		wanted = "an object"
	case reflect.Slice:
		wanted = "an array"
	}
	return fmt.Sprintf("the field %q must be %s, not %s", field, wanted, strings.TrimSuffix(t.Value, " "))
}

// loneSurrogate reports whether valid JSON holds an escape of half a pair.
func loneSurrogate(data []byte) bool {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		if data[i+1] != 'u' {
			i++
			continue
		}
		r := hex4(data[i+2:])
		i += 5
		if !utf16.IsSurrogate(r) {
			continue
		}
		rest := data[i+1:]
		if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' || utf16.DecodeRune(r, hex4(rest[2:])) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

func hex4(b []byte) (r rune) {
	for _, c := range b[:4] {
		switch {
		case c >= 'a':
			c = c - 'a' + 10
		case c >= 'A':
			c = c - 'A' + 10
		default:
			c -= '0'
		}
		r = r<<4 | rune(c)
	}
	return r
}
