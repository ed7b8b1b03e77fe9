package domain

// Limits of what a client may send. Byte lengths are of UTF-8.
const (
	MaxBodyBytes     = 8192
	MaxKeyBytes      = 64
	MaxRoomNameRunes = 64
	MaxUserNameRunes = 64
	MaxPageSize      = 200
	DefaultPageSize  = 50
)

// PageLimit checks the limit parameter of a page: 1 to MaxPageSize.
func PageLimit(n int) error {
	if n < 1 || n > MaxPageSize {
		return Errorf(CodeInvalid, "limit must be 1 to %d", MaxPageSize)
	}
	return nil
}
