package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"confab/domain"
)

// SessionLifetime is how long a session lasts after signing in, used or not.
const SessionLifetime = 30 * 24 * time.Hour

const (
	maxUserAgentBytes = 256
	lookupTime        = 5 * time.Second // after which the store is said to be away
)

// open makes a session under a new token, always: a token from before the sign-in
// is worth nothing after it.
func (s *Service) open(ctx context.Context, u domain.User, userAgent string) (string, domain.Session, error) {
	token := rand.Text() // 130 bits
	now := s.cfg.Now()
	session := domain.Session{
		ID:        domain.NewID(),
		TokenHash: tokenHash(token),
		User:      u,
		CreatedAt: domain.At(now),
		ExpiresAt: domain.At(now.Add(SessionLifetime)),
		UserAgent: cut(userAgent, maxUserAgentBytes),
	}
	if err := s.cfg.Store.CreateSession(ctx, session); err != nil {
		return "", domain.Session{}, storeFailed(err)
	}
	return token, session, nil
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func cut(s string, n int) string {
	return strings.ToValidUTF8(s[:min(len(s), n)], "")
}

// Authenticate returns the session of a token. It may answer from a cache that is up
// to 30 seconds old, but never for a session that Forget was called for. Who asks the store
// waits for it for up to 5 seconds, whatever becomes of ctx: others may wait with him.
func (s *Service) Authenticate(ctx context.Context, token string) (domain.Session, error) {
	if token == "" || len(token) > 128 {
		return domain.Session{}, errSignIn()
	}
	hash := tokenHash(token)
	if session, ok := s.cache.get(hash); ok {
		return session, nil
	}
	// All who ask meanwhile share a lookup, so that a thousand connections of one session
	// ask the store once when they come back together; but not one from before a session
	// was ended.
	now, generation := s.cfg.Now(), s.cache.generation()
	found, err, _ := s.lookups.Do(fmt.Sprint(generation, hash), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTime)
		defer cancel()
		session, err := s.cfg.Store.SessionByToken(ctx, hash, now)
		if err == nil {
			s.cache.put(hash, session, now, generation)
		}
		return session, err
	})
	switch {
	case errors.Is(err, domain.ErrNotFound):
		return domain.Session{}, errSignIn()
	case err != nil:
		return domain.Session{}, storeFailed(err)
	}
	return found.(domain.Session), nil
}

func errSignIn() error {
	return domain.Errorf(domain.CodeUnauthenticated, "there is no valid session; sign in again")
}

// Live returns which of the sessions with these token hashes stand, as the store has it now.
func (s *Service) Live(ctx context.Context, tokenHashes []string) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	list, err := s.cfg.Store.LiveSessions(ctx, tokenHashes, s.cfg.Now())
	if err != nil {
		return nil, storeFailed(err)
	}
	live := make(map[string]bool, len(list))
	for _, hash := range list {
		live[hash] = true
	}
	return live, nil
}

// Sessions lists the user's sessions, oldest first.
func (s *Service) Sessions(ctx context.Context, user domain.UserID) ([]domain.Session, error) {
	list, err := s.cfg.Store.Sessions(ctx, user, s.cfg.Now())
	if err != nil {
		return nil, storeFailed(err)
	}
	return list, nil
}

// End ends a session of the user: at once on this node, and on the others when
// they hear of it or within 30 seconds.
func (s *Service) End(ctx context.Context, user domain.UserID, id string) error {
	err := s.cfg.Store.DeleteSession(ctx, user, id)
	if errors.Is(err, domain.ErrNotFound) {
		return domain.Errorf(domain.CodeNotFound, "you have no such session; it may have ended already")
	}
	if err != nil {
		return storeFailed(err)
	}
	s.Forget(id)
	s.cfg.Ended(ctx, id)
	return nil
}

// Tidy gives back what the cache of sessions no longer needs. It is to be called now and then.
func (s *Service) Tidy() { s.cache.tidy() }

// Forget drops a session from the cache, because it ended elsewhere.
func (s *Service) Forget(id string) { s.cache.drop(id) }
