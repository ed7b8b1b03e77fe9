package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckBody accepts a message body: valid UTF-8 that is not blank, at most
// MaxBodyBytes long, with no control characters but tab, line feed and carriage return.
func CheckBody(body string) error {
	switch {
	case len(body) > MaxBodyBytes:
		return Errorf(CodeTooLarge, "a message has at most %d bytes, this one has %d; split it", MaxBodyBytes, len(body))
	case !utf8.ValidString(body):
		return Errorf(CodeInvalid, "body is not valid UTF-8")
	case strings.TrimSpace(body) == "":
		return Errorf(CodeInvalid, "body is empty")
	}
	for _, r := range body {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return Errorf(CodeInvalid, "body holds the control character %U; remove it", r)
		}
	}
	return nil
}

// CheckKey accepts an idempotency key: 1 to MaxKeyBytes bytes of printable UTF-8.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes {
		return Errorf(CodeInvalid, "a key has 1 to %d bytes, this one has %d; a UUIDv7 is a good one", MaxKeyBytes, len(key))
	}
	if !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return Errorf(CodeInvalid, "a key holds printable UTF-8 only; a UUIDv7 is a good one")
	}
	return nil
}

// CheckName accepts a name shown to people, of 1 to max runes. It refuses what could
// pass for another name: invisible, control and private-use characters, unusual
// spaces, piled-up combining marks, and letters of scripts that are not written
// together (UTS #39, section 5.2, "highly restrictive").
func CheckName(name string, maxRunes int) error {
	if !utf8.ValidString(name) {
		return Errorf(CodeInvalid, "name is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(name); n < 1 || n > maxRunes {
		return Errorf(CodeInvalid, "a name has 1 to %d characters, this one has %d", maxRunes, n)
	}
	if strings.TrimSpace(name) != name || strings.Contains(name, "  ") {
		return Errorf(CodeInvalid, "a name neither starts nor ends with a space, and has no two in a row")
	}
	marks, visible := 0, false
	for _, r := range name {
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			if marks++; marks > 2 {
				return Errorf(CodeInvalid, "a name holds at most 2 combining marks in a row")
			}
			continue
		}
		marks = 0
		if r != ' ' && !unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r) && r != ' ' || isBlank(r) {
			return Errorf(CodeInvalid, "name holds the invisible character %U; remove it", r)
		}
		visible = visible || r != ' '
	}
	if !visible {
		return Errorf(CodeInvalid, "a name needs a visible character")
	}
	return checkScripts(name)
}

// isBlank knows the letters and symbols that Unicode calls graphic but fonts draw
// as nothing.
func isBlank(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return true
	}
	return false
}

// writtenTogether are the sets of scripts that one name may mix.
var writtenTogether = []map[string]bool{
	{"Latin": true, "Han": true, "Hiragana": true, "Katakana": true},
	{"Latin": true, "Han": true, "Bopomofo": true},
	{"Latin": true, "Han": true, "Hangul": true},
}

func checkScripts(name string) error {
	scripts := map[string]bool{}
	for _, r := range name {
		if s := scriptOf(r); s != "" {
			scripts[s] = true
		}
	}
	if len(scripts) <= 1 {
		return nil
	}
	for _, set := range writtenTogether {
		if subset(scripts, set) {
			return nil
		}
	}
	return Errorf(CodeInvalid, "name mixes letters of scripts that look alike; write it in one script")
}

func subset(a, b map[string]bool) bool {
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return true
}

// scriptOf returns "" for what all scripts share (digits, punctuation, marks).
func scriptOf(r rune) string {
	if r < unicode.MaxASCII {
		if unicode.IsLetter(r) {
			return "Latin"
		}
		return ""
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			if name == "Common" || name == "Inherited" {
				return ""
			}
			return name
		}
	}
	return ""
}
