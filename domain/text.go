package domain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckBody accepts a message body: valid UTF-8 with something to see in it, at most
// MaxBodyBytes long, with no control characters but tab, line feed and carriage return.
func CheckBody(body string) error {
	switch {
	case len(body) > MaxBodyBytes:
		return Errorf(CodeTooLarge, "a message has at most %d bytes, this one has %d; split it", MaxBodyBytes, len(body))
	case !utf8.ValidString(body):
		return Errorf(CodeInvalid, "body is not valid UTF-8")
	case !strings.ContainsFunc(body, isVisible):
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
//
// Two names of one script each may still look alike; the key under which accounts
// are unique takes care of that.
func CheckName(name string, maxRunes int) error {
	if !utf8.ValidString(name) {
		return Errorf(CodeInvalid, "name is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(name); n < 1 || n > maxRunes {
		return Errorf(CodeInvalid, "a name has 1 to %d characters, this one has %d", maxRunes, n)
	}
	if strings.Trim(name, " ") != name || strings.Contains(name, "  ") {
		return Errorf(CodeInvalid, "a name neither starts nor ends with a space, and has no two in a row")
	}
	marks := maxMarks // a mark needs a character to stand on
	for _, r := range name {
		switch {
		case r == ' ':
			marks = maxMarks
		case !isVisible(r):
			return Errorf(CodeInvalid, "name holds the invisible character %U; remove it", r)
		case !unicode.In(r, unicode.Mn, unicode.Me):
			marks = 0
		default:
			if marks++; marks > maxMarks {
				return Errorf(CodeInvalid, "a name holds at most %d combining marks in a row, and none alone", maxMarks)
			}
		}
	}
	return checkScripts(name)
}

const maxMarks = 2

// isVisible reports whether fonts draw something for r. Unicode calls some letters,
// marks and symbols graphic that are drawn as nothing.
func isVisible(r rune) bool {
	return unicode.IsGraphic(r) && r != '\u2800' && r != '\U0001d159' &&
		!unicode.In(r, unicode.Zs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// writtenTogether are the sets of scripts that one name may mix.
var writtenTogether = [][]*unicode.RangeTable{
	{unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Katakana},
	{unicode.Latin, unicode.Han, unicode.Bopomofo},
	{unicode.Latin, unicode.Han, unicode.Hangul},
}

func checkScripts(name string) error {
	// Digits, punctuation and marks belong to all scripts.
	letters := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Common, unicode.Inherited) {
			return -1
		}
		return r
	}, name)
	first, _ := utf8.DecodeRuneInString(letters)
	if onlyIn(letters, scriptOf(first)) {
		return nil
	}
	for _, scripts := range writtenTogether {
		if onlyIn(letters, scripts...) {
			return nil
		}
	}
	return Errorf(CodeInvalid, "name mixes letters of scripts that look alike; write it in one script")
}

func onlyIn(letters string, scripts ...*unicode.RangeTable) bool {
	return !strings.ContainsFunc(letters, func(r rune) bool { return !unicode.In(r, scripts...) })
}

func scriptOf(r rune) *unicode.RangeTable {
	for _, script := range unicode.Scripts { // no rune is in two of them
		if unicode.Is(script, r) {
			return script
		}
	}
	return unicode.Common
}
