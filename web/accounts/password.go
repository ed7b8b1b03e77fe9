package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"confab/domain"
)

// Lengths of a password in bytes. No password is cut.
const (
	minPasswordBytes = 8
	maxPasswordBytes = 1024
)

func checkPassword(p string) error {
	if len(p) < minPasswordBytes || len(p) > maxPasswordBytes {
		return domain.Errorf(domain.CodeInvalid, "a password has %d to %d bytes, this one has %d", minPasswordBytes, maxPasswordBytes, len(p))
	}
	return nil
}

// argonParams are those of an argon2id hash, as in its PHC string.
type argonParams struct {
	memoryKiB, passes uint32
	lanes             uint8
}

// current follows OWASP's password storage cheat sheet: 19 MiB, 2 passes.
var current = argonParams{memoryKiB: 19 * 1024, passes: 2, lanes: 1}

const (
	saltBytes = 16
	hashBytes = 32
)

// hasher bounds what hashing costs: two at a time (38 MiB), a short queue, and no
// more, so that a flood of sign-ins starves nobody else.
type hasher struct {
	running chan struct{}
	queued  chan struct{}
	decoy   string
}

const (
	hashesAtOnce = 2
	hashQueue    = 128
)

func newHasher() *hasher {
	return &hasher{
		running: make(chan struct{}, hashesAtOnce),
		queued:  make(chan struct{}, hashesAtOnce+hashQueue),
		decoy:   phc(current, make([]byte, saltBytes), make([]byte, hashBytes)),
	}
}

// enter waits for its turn. The caller calls leave when err is nil.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.queued <- struct{}{}:
	default:
		return nil, &domain.Error{
			Code:       domain.CodeUnavailable,
			Message:    "too many people sign in at once; try again",
			RetryAfter: 2 * time.Second,
		}
	}
	select {
	case h.running <- struct{}{}:
		return func() { <-h.running; <-h.queued }, nil
	case <-ctx.Done():
		<-h.queued
		return nil, domain.Unavailable("the sign-in queue", ctx.Err())
	}
}

// hash returns the PHC string of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails: crypto/rand
	return phc(current, salt, derive(current, password, salt, hashBytes)), nil
}

// verify reports whether password belongs to the PHC string. With an empty one it
// works as long and says no.
func (h *hasher) verify(ctx context.Context, password, encoded string) (bool, error) {
	known := encoded != ""
	if !known {
		encoded = h.decoy
	}
	p, salt, want, err := parsePHC(encoded)
	if err != nil {
		return false, err
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	got := derive(p, password, salt, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

func derive(p argonParams, password string, salt []byte, n uint32) []byte {
	return argon2.IDKey([]byte(password), salt, p.passes, p.memoryKiB, p.lanes, n)
}

func phc(p argonParams, salt, hash []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memoryKiB, p.passes, p.lanes,
		b.EncodeToString(salt), b.EncodeToString(hash))
}

// parsePHC reads an argon2id PHC string. It refuses parameters far beyond ours: they
// would not be from us, and cost as much as they say.
func parsePHC(s string) (p argonParams, salt, hash []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errors.New("password hash is not an argon2id PHC string")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memoryKiB, &p.passes, &p.lanes); err != nil {
		return p, nil, nil, fmt.Errorf("password hash parameters: %w", err)
	}
	if p.memoryKiB > 256*1024 || p.passes < 1 || p.passes > 16 || p.lanes < 1 || p.lanes > 16 {
		return p, nil, nil, errors.New("password hash parameters are out of bounds")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return p, nil, nil, fmt.Errorf("password salt: %w", err)
	}
	if hash, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return p, nil, nil, fmt.Errorf("password hash: %w", err)
	}
	if len(hash) < 16 || len(hash) > 64 {
		return p, nil, nil, errors.New("password hash has a strange length")
	}
	return p, salt, hash, nil
}
