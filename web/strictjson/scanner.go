package strictjson

import "bytes"

// scanner takes an object apart. It checks the object's own structure and its text
// without escapes, which is nearly all that comes. Of anything else it finds no more
// than the end, by quotes and brackets, and sets rare: whether that is JSON is for
// encoding/json to say. A fault makes it bad and ends it.
type scanner struct {
	rest      []byte
	rare, bad bool
}

// next skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) next() byte {
	for i, c := range s.rest {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			s.rest = s.rest[i:]
			return c
		}
	}
	s.rest = nil
	return 0
}

// has takes c if it is next.
func (s *scanner) has(c byte) bool {
	if s.next() != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// want takes c, which must be next.
func (s *scanner) want(c byte) {
	if !s.has(c) {
		s.cut(0)
	}
}

// value takes a name or a value; white space may stay behind a value that is no text.
func (s *scanner) value() []byte {
	if s.next() == '"' {
		text := s.cut(length(s.rest))
		s.rare = s.rare || !plain(text)
		return text
	}
	s.rare = true
	depth := 0
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '"':
			n := length(s.rest[i:])
			if n == 0 {
				return s.cut(0)
			}
			i += n - 1
		case '{', '[':
			depth++
		case ',', '}', ']':
			if depth == 0 {
				return s.cut(i)
			}
			if s.rest[i] != ',' {
				depth--
			}
		}
	}
	return s.cut(0)
}

// cut takes n bytes; 0 is a fault.
func (s *scanner) cut(n int) []byte {
	if n == 0 {
		s.rest, s.bad = nil, true
		return nil
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

// length returns the length of the string that b begins with, with its quotes, or 0
// if it does not end or holds a control character.
func length(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c > '\\': // most of all text: one comparison
		case c == '\\':
			i++
		case c == '"':
			return i + 1
		case c < ' ':
			return 0
		}
	}
	return 0
}

// plain reports whether a value is a string that says what stands between its quotes.
func plain(value []byte) bool {
	return len(value) > 0 && value[0] == '"' && bytes.IndexByte(value, '\\') < 0
}
