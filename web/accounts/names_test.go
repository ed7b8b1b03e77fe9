package accounts

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"confab/domain"
)

func TestNameKey_sameForWhatLooksTheSame(t *testing.T) {
	for _, same := range [][]string{
		{"ada", "Ada", "ADA", "ａｄａ"},        // case, width
		{"caf\u00e9", "cafe\u0301", "CAFÉ"}, // composed or not
		{"scope", "ѕсоре"},                  // all Cyrillic
		{"paypal", "paypa1", "PAYPA1"},      // digits for letters
		{"bob", "b0b", "B0B"},               //
		{"modern", "modem"},                 //
		{"Straße", "STRASSE", "strasse"},    // case folding
		{"ﬁna", "fina"},                     // ligatures
		{"Ivan", "𝐈van", "ℐvan", "ivan"},    // capitals that only NFKC makes letters
		{"hello world", "Hello World"},      //
	} {
		want, err := NameKey(same[0])
		require.NoError(t, err)
		for _, name := range same[1:] {
			got, err := NameKey(name)
			require.NoError(t, err, name)
			require.Equal(t, want, got, "%q and %q", same[0], name)
		}
	}
}

func TestNameKey_differsForWhatDiffers(t *testing.T) {
	keys := map[string]string{}
	for _, name := range []string{"ada", "bob", "ada b", "adab", "Ali", "All", "eve", "e-ve", "José", "Jose", "李雷", "韩梅梅", "Ольга", "שרה", "שרה כהן", "أبو بكر", "שרה 2", "ada 😀", "C++", "ada!", "ada1", "ada2"} {
		key, err := NameKey(name)
		require.NoError(t, err, name)
		require.Empty(t, keys[key], "%q and %q share a key", name, keys[key])
		keys[key] = name
	}
}

func TestNameKey_refuses(t *testing.T) {
	for situation, name := range map[string]string{
		"empty": "", "not UTF-8": "a\xff", "zero width": "a\u200bda", "right to left": "\u202eada", "mixed": "аda",
		"soft hyphen": "a\u00adda", "private use": "a\ue000", "tag": "a\U000e0061", "space around": " ada",
		"Hebrew and Latin": "שa", "Hebrew and Latin words": "שרה ada", "Latin and Hebrew words": "ada שרה",
		"a digit before Hebrew": "1ש", "a number before Hebrew": "1 שרה", "a symbol after Hebrew": "שרה !", "only a mark": "\u0301",
	} {
		_, err := NameKey(name)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), situation)
	}
}

func TestCanonicalName_isShownComposed(t *testing.T) {
	shown, _, err := canonicalName("Cafe\u0301")
	require.NoError(t, err)
	require.Equal(t, "Caf\u00e9", shown)
}

// FuzzNameKey: the key of a name is that of its shown form, which is shown as it is.
func FuzzNameKey(f *testing.F) {
	for _, s := range []string{"ada", "Cafe\u0301", "ﬁ", "ѕсоре", "a\u200bb", "İ", "ǆ", "ẞ", "א1", "\u1e9b\u0323"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		shown, key, err := canonicalName(name)
		if err != nil {
			require.Equal(t, domain.CodeInvalid, domain.CodeOf(err))
			return
		}
		if !utf8.ValidString(key) || key == "" || !norm.NFC.IsNormalString(shown) {
			t.Fatalf("%q: shown %q, key %q", name, shown, key)
		}
		shown2, key2, err := canonicalName(shown)
		if err != nil || shown2 != shown || key2 != key {
			t.Fatalf("%q is shown as %q, and that as %q (key %q, then %q): %v", name, shown, shown2, key, key2, err)
		}
	})
}
