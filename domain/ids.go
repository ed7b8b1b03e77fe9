package domain

import "crypto/rand"

// RoomID and UserID are opaque to clients. Ids made here match [a-z2-7]{20}, so they
// may stand in URLs, Redis keys and document ids as they are.
type (
	RoomID string
	UserID string
)

const idLength = 20

// NewID returns a new random id of 100 bits in lower-case base 32 (RFC 4648).
func NewID() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	var id [idLength]byte
	_, _ = rand.Read(id[:]) // never fails
	for i, b := range id {
		id[i] = alphabet[b%32]
	}
	return string(id[:])
}

// ValidID reports whether s can be an id made by NewID. Everything that comes from
// outside is checked with it before it becomes part of a key, a channel or a query.
func ValidID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
