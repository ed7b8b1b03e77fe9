package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"confab/domain"
)

// CreateAccount implements domain.Accounts.
func (s *Store) CreateAccount(ctx context.Context, a domain.Account) error {
	err := s.writer.transaction(ctx, func() error {
		_, err := s.writer.exec(insertAccount, a.ID, a.Name, a.Guest, a.NameKey, a.PasswordHash, a.CreatedAt.UnixMilli())
		return err
	})
	if e, ok := errors.AsType[*driver.Error](err); ok && e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return domain.Errorf(domain.CodeConflict, "this name is taken, or looks like one that is; choose another")
	}
	return storeError("create account", err)
}

// Account implements domain.Accounts.
func (s *Store) Account(ctx context.Context, id domain.UserID) (domain.Account, error) {
	return one(ctx, s, "read account", scanAccount, selectAccount, id)
}

// AccountByName implements domain.Accounts.
func (s *Store) AccountByName(ctx context.Context, nameKey string) (domain.Account, error) {
	return one(ctx, s, "find account", scanAccount, selectAccountByName, nameKey)
}

func scanAccount(row scanner) (a domain.Account, err error) {
	var createdAt int64
	err = row.Scan(&a.ID, &a.Name, &a.Guest, &a.NameKey, &a.PasswordHash, &createdAt)
	a.CreatedAt = fromMillis(createdAt)
	return a, err
}

// CreateSession implements domain.Accounts. On the way it deletes what had expired
// when this session began.
func (s *Store) CreateSession(ctx context.Context, x domain.Session) error {
	return storeError("create session", s.writer.transaction(ctx, func() error {
		if _, err := s.writer.exec(deleteExpired, x.CreatedAt.UnixMilli()); err != nil {
			return err
		}
		_, err := s.writer.exec(insertSession, x.TokenHash, x.ID, x.User.ID, x.User.Name, x.User.Guest,
			x.CreatedAt.UnixMilli(), x.ExpiresAt.UnixMilli(), x.UserAgent)
		return err
	}))
}

// SessionByToken implements domain.Accounts.
func (s *Store) SessionByToken(ctx context.Context, tokenHash string, now time.Time) (domain.Session, error) {
	return one(ctx, s, "find session", scanSession, selectSession, tokenHash, now.UnixMilli())
}

// LiveSessions implements domain.Accounts.
func (s *Store) LiveSessions(ctx context.Context, tokenHashes []string, now time.Time) ([]string, error) {
	asked, err := json.Marshal(tokenHashes)
	if err != nil {
		return nil, storeError("find sessions", err)
	}
	return list(ctx, s, "find sessions", func(row scanner) (hash string, err error) {
		err = row.Scan(&hash)
		return hash, err
	}, selectLiveSessions, string(asked), now.UnixMilli())
}

// Sessions implements domain.Accounts.
func (s *Store) Sessions(ctx context.Context, user domain.UserID, now time.Time) ([]domain.Session, error) {
	return list(ctx, s, "list sessions", scanSession, selectSessions, user, now.UnixMilli())
}

func scanSession(row scanner) (x domain.Session, err error) {
	var createdAt, expiresAt int64
	err = row.Scan(&x.TokenHash, &x.ID, &x.User.ID, &x.User.Name, &x.User.Guest, &createdAt, &expiresAt, &x.UserAgent)
	x.CreatedAt, x.ExpiresAt = fromMillis(createdAt), fromMillis(expiresAt)
	return x, err
}

// DeleteSession implements domain.Accounts.
func (s *Store) DeleteSession(ctx context.Context, user domain.UserID, id string) error {
	var deleted int64
	err := s.writer.transaction(ctx, func() error {
		result, err := s.writer.exec(deleteSession, user, id)
		if err == nil {
			deleted, err = result.RowsAffected()
		}
		return err
	})
	if err == nil && deleted == 0 {
		return domain.ErrNotFound
	}
	return storeError("delete session", err)
}
