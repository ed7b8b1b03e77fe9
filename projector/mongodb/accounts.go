package mongodb

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"confab/domain"
)

// CreateAccount implements domain.Accounts. The unique index decides who gets a name.
func (s *Store) CreateAccount(ctx context.Context, a domain.Account) error {
	if err := s.ensure(ctx); err != nil {
		return storeError("create account", err)
	}
	_, err := s.accounts.InsertOne(ctx, accountDocument{
		ID: a.ID, Name: a.Name, Guest: a.Guest, NameKey: a.NameKey, PasswordHash: a.PasswordHash, CreatedAt: a.CreatedAt.Time,
	})
	if a.NameKey != "" && mongo.IsDuplicateKeyError(err) {
		return domain.Errorf(domain.CodeConflict, "this name is taken, or looks like one that is; choose another")
	}
	return storeError("create account", err)
}

// Account implements domain.Accounts.
func (s *Store) Account(ctx context.Context, id domain.UserID) (domain.Account, error) {
	return s.account(ctx, "_id", string(id))
}

// AccountByName implements domain.Accounts.
func (s *Store) AccountByName(ctx context.Context, nameKey string) (domain.Account, error) {
	if nameKey == "" {
		return domain.Account{}, domain.ErrNotFound // guests have none
	}
	return s.account(ctx, "name_key", nameKey)
}

func (s *Store) account(ctx context.Context, field, value string) (domain.Account, error) {
	doc, err := findOne[accountDocument](ctx, s.accounts, bson.D{is(field, value)})
	if err != nil {
		return domain.Account{}, notFoundOr("find account", err)
	}
	return domain.Account{
		User:    domain.User{ID: doc.ID, Name: doc.Name, Guest: doc.Guest},
		NameKey: doc.NameKey, PasswordHash: doc.PasswordHash, CreatedAt: domain.At(doc.CreatedAt),
	}, nil
}

// CreateSession implements domain.Accounts.
func (s *Store) CreateSession(ctx context.Context, x domain.Session) error {
	if err := s.ensure(ctx); err != nil {
		return storeError("create session", err)
	}
	_, err := s.sessions.InsertOne(ctx, sessionDocument{
		TokenHash: x.TokenHash, ID: x.ID, User: x.User.ID, Name: x.User.Name, Guest: x.User.Guest,
		CreatedAt: x.CreatedAt.Time, ExpiresAt: x.ExpiresAt.Time, UserAgent: x.UserAgent,
	})
	return storeError("create session", err)
}

// SessionByToken implements domain.Accounts. The server deletes expired sessions
// some time later, or never, so this looks at the time itself.
func (s *Store) SessionByToken(ctx context.Context, tokenHash string, now time.Time) (domain.Session, error) {
	doc, err := findOne[sessionDocument](ctx, s.sessions, bson.D{is("_id", tokenHash)})
	if err == nil && !doc.ExpiresAt.After(now) {
		err = domain.ErrNotFound
	}
	if err != nil {
		return domain.Session{}, notFoundOr("find session", err)
	}
	return doc.session(), nil
}

// LiveSessions implements domain.Accounts.
func (s *Store) LiveSessions(ctx context.Context, tokenHashes []string, now time.Time) ([]string, error) {
	docs, err := find[sessionDocument](ctx, s.sessions,
		bson.D{in("_id", tokenHashes), above("expires_at", now)}, nil, 0)
	if err != nil {
		return nil, storeError("find sessions", err)
	}
	var live []string
	for _, doc := range docs {
		live = append(live, doc.TokenHash)
	}
	return live, nil
}

// Sessions implements domain.Accounts.
func (s *Store) Sessions(ctx context.Context, user domain.UserID, now time.Time) ([]domain.Session, error) {
	docs, err := find[sessionDocument](ctx, s.sessions,
		bson.D{is("user", user), above("expires_at", now)}, ascending("user", "created_at", "id"), 0)
	if err != nil {
		return nil, storeError("list sessions", err)
	}
	var list []domain.Session
	for _, doc := range docs {
		list = append(list, doc.session())
	}
	return list, nil
}

func (d sessionDocument) session() domain.Session {
	return domain.Session{
		ID: d.ID, TokenHash: d.TokenHash, User: domain.User{ID: d.User, Name: d.Name, Guest: d.Guest},
		CreatedAt: domain.At(d.CreatedAt), ExpiresAt: domain.At(d.ExpiresAt), UserAgent: d.UserAgent,
	}
}

// DeleteSession implements domain.Accounts.
func (s *Store) DeleteSession(ctx context.Context, user domain.UserID, id string) error {
	result, err := s.sessions.DeleteOne(ctx, bson.D{is("user", user), is("id", id)})
	if err != nil {
		return storeError("delete session", err)
	}
	if result.DeletedCount == 0 {
		return domain.ErrNotFound
	}
	return nil
}
