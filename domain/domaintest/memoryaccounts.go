package domaintest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"confab/domain"
)

// CreateAccount implements domain.Accounts.
func (s *MemoryStore) CreateAccount(ctx context.Context, a domain.Account) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, other := range s.accounts {
		if a.NameKey != "" && other.NameKey == a.NameKey {
			return domain.Errorf(domain.CodeConflict, "this name is taken, or looks like one that is; choose another")
		}
	}
	if _, ok := s.accounts[a.ID]; ok {
		return fmt.Errorf("account %s exists", a.ID)
	}
	s.accounts[a.ID] = a
	return nil
}

// Account implements domain.Accounts.
func (s *MemoryStore) Account(ctx context.Context, id domain.UserID) (domain.Account, error) {
	return s.account(ctx, func(a domain.Account) bool { return a.ID == id })
}

// AccountByName implements domain.Accounts.
func (s *MemoryStore) AccountByName(ctx context.Context, nameKey string) (domain.Account, error) {
	return s.account(ctx, func(a domain.Account) bool { return nameKey != "" && a.NameKey == nameKey })
}

func (s *MemoryStore) account(ctx context.Context, is func(domain.Account) bool) (domain.Account, error) {
	if err := s.enter(ctx); err != nil {
		return domain.Account{}, err
	}
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		if is(a) {
			return a, nil
		}
	}
	return domain.Account{}, domain.ErrNotFound
}

// CreateSession implements domain.Accounts.
func (s *MemoryStore) CreateSession(ctx context.Context, session domain.Session) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.sessions[session.ID] = session
	return nil
}

// SessionByToken implements domain.Accounts.
func (s *MemoryStore) SessionByToken(ctx context.Context, tokenHash string, now time.Time) (domain.Session, error) {
	list, err := s.sessionsWhere(ctx, func(x domain.Session) bool {
		return x.TokenHash == tokenHash && x.ExpiresAt.After(now)
	})
	if err == nil && len(list) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return domain.Session{}, err
	}
	return list[0], nil
}

// LiveSessions implements domain.Accounts.
func (s *MemoryStore) LiveSessions(ctx context.Context, tokenHashes []string, now time.Time) ([]string, error) {
	list, err := s.sessionsWhere(ctx, func(x domain.Session) bool {
		return slices.Contains(tokenHashes, x.TokenHash) && x.ExpiresAt.After(now)
	})
	var live []string
	for _, x := range list {
		live = append(live, x.TokenHash)
	}
	return live, err
}

// Sessions implements domain.Accounts.
func (s *MemoryStore) Sessions(ctx context.Context, user domain.UserID, now time.Time) ([]domain.Session, error) {
	return s.sessionsWhere(ctx, func(x domain.Session) bool {
		return x.User.ID == user && x.ExpiresAt.After(now)
	})
}

func (s *MemoryStore) sessionsWhere(ctx context.Context, is func(domain.Session) bool) ([]domain.Session, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var list []domain.Session
	for _, x := range s.sessions {
		if is(x) {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b domain.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt.Time), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// DeleteSession implements domain.Accounts.
func (s *MemoryStore) DeleteSession(ctx context.Context, user domain.UserID, id string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if x, ok := s.sessions[id]; !ok || x.User.ID != user {
		return domain.ErrNotFound
	}
	delete(s.sessions, id)
	return nil
}
