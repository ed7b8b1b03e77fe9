package domain_test

import (
	"strings"
	"testing"

	"confab/domain"
)

func TestCheckName(t *testing.T) {
	for _, tt := range []struct {
		situation, name string
		want            domain.Code
	}{
		{"plain", "ada", ""},
		{"with a space, digits and punctuation", "Room 42 (dev) – a.b_c", ""},
		{"accents", "Zoë Łukasz-Ñandú", ""},
		{"accents as combining marks", "Zoe\u0308", ""},
		{"two marks on one letter", "e\u0323\u0302", ""},
		{"one letter", "x", ""},
		{"as long as allowed", strings.Repeat("é", domain.MaxUserNameRunes), ""},
		{"Cyrillic", "Жанна", ""},
		{"Greek", "Ελένη", ""},
		{"Arabic", "ليلى", ""},
		{"Devanagari, with spacing marks", "मीरा", ""},
		{"Japanese in three scripts, and Latin", "東京カフェのAda", ""},
		{"Korean and Latin", "김민수 Kim", ""},
		{"Chinese, Bopomofo and Latin", "注音ㄅㄆ abc", ""},
		{"emoji", "party 🎉", ""},

		{"empty", "", domain.CodeInvalid},
		{"one rune too long", strings.Repeat("é", domain.MaxUserNameRunes+1), domain.CodeInvalid},
		{"not UTF-8", "ad\xff", domain.CodeInvalid},
		{"half a surrogate pair", "ad\xed\xa0\x80", domain.CodeInvalid},
		{"only a space", " ", domain.CodeInvalid},
		{"leading space", " ada", domain.CodeInvalid},
		{"trailing space", "ada ", domain.CodeInvalid},
		{"two spaces", "ada  l", domain.CodeInvalid},
		{"no-break space", "ada\u00a0l", domain.CodeInvalid},
		{"ideographic space", "ada\u3000l", domain.CodeInvalid},
		{"line feed", "ada\nl", domain.CodeInvalid},
		{"tab", "ada\tl", domain.CodeInvalid},
		{"NUL", "ada\x00", domain.CodeInvalid},
		{"escape", "\x1b[31mada", domain.CodeInvalid},
		{"C1 control", "ada\u0085", domain.CodeInvalid},
		{"line separator", "ada\u2028", domain.CodeInvalid},
		{"zero-width space", "ad\u200ba", domain.CodeInvalid},
		{"zero-width joiner", "ad\u200da", domain.CodeInvalid},
		{"byte-order mark", "\ufeffada", domain.CodeInvalid},
		{"soft hyphen", "ad\u00ada", domain.CodeInvalid},
		{"word joiner", "ad\u2060a", domain.CodeInvalid},
		{"right-to-left override", "\u202egnp.ada", domain.CodeInvalid},
		{"isolate", "\u2066ada", domain.CodeInvalid},
		{"Arabic letter mark", "ada\u061c", domain.CodeInvalid},
		{"tag characters", "ada\U000e0061\U000e0064", domain.CodeInvalid},
		{"language tag", "\U000e0001ada", domain.CodeInvalid},
		{"Hangul filler", "\u3164", domain.CodeInvalid},
		{"half-width Hangul filler", "\uffa0", domain.CodeInvalid},
		{"Hangul jamo filler", "\u115f", domain.CodeInvalid},
		{"blank Braille", "\u2800", domain.CodeInvalid},
		{"null notehead", "\U0001d159", domain.CodeInvalid},
		{"Khmer inherent vowel", "\u17b4", domain.CodeInvalid},
		{"variation selector", "ada\ufe0f", domain.CodeInvalid},
		{"variation selector of the supplement", "ada\U000e0100", domain.CodeInvalid},
		{"Mongolian variation selector", "ada\u180b", domain.CodeInvalid},
		{"combining grapheme joiner", "a\u034fda", domain.CodeInvalid},
		{"private use", "ada\ue000", domain.CodeInvalid},
		{"noncharacter", "ada\uffff", domain.CodeInvalid},
		{"unassigned", "ada\u0378", domain.CodeInvalid},
		{"zalgo", "a\u0300\u0301\u0302da", domain.CodeInvalid},
		{"enclosing marks piled up", "a\u20dd\u20de\u20df", domain.CodeInvalid},
		{"mark without a letter", "\u0301ada", domain.CodeInvalid},
		{"mark on a space", "ada \u0301", domain.CodeInvalid},
		{"Cyrillic а among Latin", "p\u0430ypal", domain.CodeInvalid},
		{"Greek ο among Latin", "g\u03bfogle", domain.CodeInvalid},
		{"Latin at the end of Cyrillic", "Жaнна", domain.CodeInvalid},
		{"Cherokee among Latin", "Ꭺda", domain.CodeInvalid},
		{"Japanese and Korean", "の김", domain.CodeInvalid},
		{"Japanese and Cyrillic", "のЖ", domain.CodeInvalid},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			if err := domain.CheckName(tt.name, domain.MaxUserNameRunes); domain.CodeOf(err) != tt.want {
				t.Errorf("CheckName(%+q) = %v, want code %q", tt.name, err, tt.want)
			}
		})
	}
}

// What a name is made of must not decide how long it takes to check it.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"ada", "Zoe\u0308", "東京カフェ", "p\u0430ypal", "\u202eada", "", " ", "\xff"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := domain.CheckName(name, domain.MaxRoomNameRunes)
		if code := domain.CodeOf(err); err != nil && code != domain.CodeInvalid {
			t.Fatalf("CheckName(%+q) = %v, want only %q", name, err, domain.CodeInvalid)
		}
		if err != nil {
			return
		}
		if strings.TrimSpace(name) == "" || len(strings.Fields(name)) != strings.Count(name, " ")+1 {
			t.Errorf("CheckName(%+q) accepts unusual spaces", name)
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
			t.Errorf("CheckName(%+q) accepts a control character", name)
		}
		if _, err := domain.EncodeEvent(domain.Event{Room: roomID, Seq: 1, Kind: domain.RoomCreated, Name: name}); err != nil {
			t.Errorf("an accepted name cannot be encoded: %v", err)
		}
	})
}

func TestCheckBody(t *testing.T) {
	for _, tt := range []struct {
		situation, body string
		want            domain.Code
	}{
		{"plain", "hi", ""},
		{"several lines and tabs", "one\r\n\ttwo\n", ""},
		{"right to left, joiners and emoji are text", "שלום 👩‍👩‍👧 ❤️ \u200fok", ""},
		{"markup is only text", "<script>alert(1)</script> \u2028", ""},
		{"as long as allowed", strings.Repeat("x", domain.MaxBodyBytes), ""},

		{"empty", "", domain.CodeInvalid},
		{"spaces", " \t\r\n\u00a0\u3000", domain.CodeInvalid},
		{"nothing to see", "\u200b\u2060\u3164\ufe0f", domain.CodeInvalid},
		{"not UTF-8", "hi\xc3\x28", domain.CodeInvalid},
		{"overlong NUL", "hi\xc0\x80", domain.CodeInvalid},
		{"NUL", "hi\x00", domain.CodeInvalid},
		{"terminal escape", "\x1b]0;hi\x07", domain.CodeInvalid},
		{"DEL", "hi\x7f", domain.CodeInvalid},
		{"C1 control", "hi\u009b31m", domain.CodeInvalid},
		{"one byte too long", strings.Repeat("x", domain.MaxBodyBytes+1), domain.CodeTooLarge},
		{"too long, counted in bytes", strings.Repeat("é", domain.MaxBodyBytes/2+1), domain.CodeTooLarge},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			if err := domain.CheckBody(tt.body); domain.CodeOf(err) != tt.want {
				t.Errorf("CheckBody(%+q) = %v, want code %q", tt.body, err, tt.want)
			}
		})
	}
}

func TestCheckKey(t *testing.T) {
	for _, tt := range []struct {
		situation, key string
		want           domain.Code
	}{
		{"a UUID", "0198c5d2-7a3b-7c1e-9f00-0123456789ab", ""},
		{"one byte", "1", ""},
		{"64 bytes", strings.Repeat("k", domain.MaxKeyBytes), ""},
		{"any script, colons and spaces", "ключ:1 a", ""},

		{"empty", "", domain.CodeInvalid},
		{"65 bytes", strings.Repeat("k", domain.MaxKeyBytes+1), domain.CodeInvalid},
		{"65 bytes of 33 runes", strings.Repeat("é", 32) + "k", domain.CodeInvalid},
		{"not UTF-8", "k\xff", domain.CodeInvalid},
		{"line feed", "k\n", domain.CodeInvalid},
		{"NUL", "k\x00", domain.CodeInvalid},
		{"invisible", "k\u200b", domain.CodeInvalid},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			if err := domain.CheckKey(tt.key); domain.CodeOf(err) != tt.want {
				t.Errorf("CheckKey(%+q) = %v, want code %q", tt.key, err, tt.want)
			}
		})
	}
}

func TestPageLimit(t *testing.T) {
	for n, want := range map[int]domain.Code{
		1: "", domain.DefaultPageSize: "", domain.MaxPageSize: "",
		0: domain.CodeInvalid, -1: domain.CodeInvalid, domain.MaxPageSize + 1: domain.CodeInvalid, 1e9: domain.CodeInvalid,
	} {
		if err := domain.PageLimit(n); domain.CodeOf(err) != want {
			t.Errorf("PageLimit(%d) = %v, want code %q", n, err, want)
		}
	}
}

func TestValidID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := domain.NewID()
		if !domain.ValidID(id) || seen[id] {
			t.Fatalf("NewID() = %q: invalid or repeated", id)
		}
		seen[id] = true
	}
	for _, id := range []string{
		"", "a", strings.Repeat("a", 19), strings.Repeat("a", 21), strings.Repeat("A", 20), strings.Repeat("1", 20), strings.Repeat("8", 20),
		"aaaaaaaaaaaaaaaaaaa:", "aaaaaaaaaaaaaaaaaaa}", "aaaaaaaaaaaaaaaaaa\u00e9", "../../../../etc/pass", "aaaaaaaaaaaaaaaaaaa\n",
	} {
		if domain.ValidID(id) {
			t.Errorf("ValidID(%q) = true", id)
		}
	}
}
