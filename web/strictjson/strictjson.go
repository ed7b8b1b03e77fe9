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
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"confab/domain"
)

// Unmarshal reads one JSON object into the struct that v points to. Fields are
// matched by the exact name in their json tag; unknown ones are ignored. Errors are
// *domain.Error with CodeInvalid and say what to do; what v holds then is undefined.
func Unmarshal(data []byte, v any) error {
	if !utf8.Valid(data) {
		return invalid("the JSON is not valid UTF-8; encode it as UTF-8")
	}
	s := reflect.ValueOf(v).Elem()
	fields := fieldsOf(s.Type())
	var few [8][]byte // on the stack, where it is enough
	values := append(few[:0], make([][]byte, len(fields))...)
	twice, ok := members(data, fields, values)
	switch {
	case !ok:
		return syntaxError(data)
	case loneSurrogate(data):
		return invalid(`the JSON holds half a surrogate pair (\ud800 to \udfff); send whole characters`)
	case twice != "":
		return invalid("the field %q is there twice; send it once", twice)
	}
	for i, raw := range values {
		if raw == nil {
			continue
		}
		if err := fields[i].set(s, raw); err != nil {
			return invalid("%s", typeMessage(fields[i].name, err))
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return domain.Errorf(domain.CodeInvalid, format, args...)
}

// syntaxError says why data is not exactly one JSON object.
func syntaxError(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return invalid("a JSON object is missing; send one")
	}
	var ignored json.RawMessage
	err := json.Unmarshal(data, &ignored)
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalid("this is not one JSON object: %s at byte %d", s.Error(), s.Offset)
	}
	return invalid("a JSON object is wanted, like {…}, and nothing else")
}

// field is a field of a struct that JSON may set.
type field struct {
	name  string
	index int
	text  bool // a string, or a pointer to one, that no method decodes
}

// fieldCache holds fieldsOf each reflect.Type, which are as many as the program has
// forms of request.
var fieldCache sync.Map

func fieldsOf(t reflect.Type) []field {
	if fields, ok := fieldCache.Load(t); ok {
		return fields.([]field)
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			text := f.Type
			if text.Kind() == reflect.Pointer {
				text = text.Elem()
			}
			fields = append(fields, field{name, i, text.Kind() == reflect.String && reflect.PointerTo(text).NumMethod() == 0})
		}
	}
	fieldCache.Store(t, fields)
	return fields
}

// set puts a value into the field of the struct s.
func (f field) set(s reflect.Value, raw []byte) error {
	to := s.Field(f.index)
	if !f.text || !plain(raw) {
		return json.Unmarshal(raw, to.Addr().Interface())
	}
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	to.SetString(string(raw[1 : len(raw)-1]))
	return nil
}

// indexOf returns the index of the field that the string name, in its quotes, names.
func indexOf(name []byte, fields []field) int {
	if plain(name) {
		name = name[1 : len(name)-1]
	} else {
		var unescaped string
		_ = json.Unmarshal(name, &unescaped)
		name = []byte(unescaped)
	}
	return slices.IndexFunc(fields, func(f field) bool { return f.name == string(name) })
}

// members splits one object into its members, and puts the values of those that are
// among the fields into values, by the field's index. It returns the name of a field that
// is there twice.
func members(data []byte, fields []field, values [][]byte) (twice string, ok bool) {
	s := scanner{rest: data}
	s.want('{')
	for more := s.next() != '}'; more; more = s.has(',') {
		name := s.value()
		s.want(':')
		raw := s.value()
		if i := indexOf(name, fields); i >= 0 {
			if values[i] != nil && twice == "" {
				twice = fields[i].name
			}
			values[i] = raw
		}
	}
	s.want('}')
	s.next()
	ok = !s.bad && len(s.rest) == 0 && (!s.rare || json.Valid(data))
	return twice, ok
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
	for {
		i := bytes.IndexByte(data, '\\')
		if i < 0 {
			return false
		}
		if data = data[i+1:]; data[0] != 'u' {
			data = data[1:]
			continue
		}
		r := hex4(data[1:])
		if data = data[5:]; !utf16.IsSurrogate(r) {
			continue
		}
		if len(data) < 6 || data[0] != '\\' || data[1] != 'u' || utf16.DecodeRune(r, hex4(data[2:])) == utf8.RuneError {
			return true
		}
		data = data[6:]
	}
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
