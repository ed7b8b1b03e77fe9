package accounts

import (
	"strings"

	"github.com/mtibben/confusables"
	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"

	"confab/domain"
)

// folded is PRECIS UsernameCaseMapped (RFC 8265, section 3.3) on the freeform class
// instead of the identifier class, since our names may hold spaces and symbols, and
// with compatibility forms folded (as in RFC 8266).
var folded = precis.NewFreeform(precis.FoldWidth, precis.FoldCase(), precis.Norm(norm.NFKC), precis.DisallowEmpty)

// canonicalName returns the name in the form it is shown (NFC) and the key that is
// the same for all names that people would take for each other: "Scope", "sc0pe" and
// "ѕсоре" in Cyrillic letters share one.
func canonicalName(name string) (shown, key string, err error) {
	shown = norm.NFC.String(name)
	if err := domain.CheckName(shown, domain.MaxUserNameRunes); err != nil {
		return "", "", err
	}
	// NFKC comes first, too: it makes capitals of what has no case, such as the bold letters of
	// mathematics, and that of an I has another skeleton.
	f, err := folded.String(norm.NFKC.String(shown))
	if err != nil {
		return "", "", domain.Errorf(domain.CodeInvalid, "name holds characters that cannot stand in a name; use letters, digits and common punctuation")
	}
	// The rule is for text with letters written from right to left. To other text it
	// would forbid to end with a symbol. It is for domain names, which have no spaces: those
	// are ordered among letters as neutral symbols are.
	if bidirule.DirectionString(f) != bidi.LeftToRight && !bidirule.ValidString(strings.ReplaceAll(f, " ", "!")) {
		return "", "", domain.Errorf(domain.CodeInvalid, "name mixes writing directions, so that it reads otherwise than it is; begin and end it with a letter of its script")
	}
	// The skeleton (UTS #39, section 4) of folded letters may hold capitals, since it
	// maps 0 to O.
	return shown, strings.ToLower(confusables.Skeleton(f)), nil
}
