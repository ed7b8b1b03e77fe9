package accounts

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/singleflight"

	"confab/domain"
)

// Config is what the service works with. Store and Now are required.
type Config struct {
	Store  domain.Accounts
	Guests bool
	Now    func() time.Time
	// Ended is called after a session was ended here, so that its connections can be
	// closed and other nodes told. It does not block for long.
	Ended func(ctx context.Context, sessionID string)
}

// Service signs people up and in, and knows whose a token is. It is safe for
// concurrent use.
type Service struct {
	cfg     Config
	hasher  *hasher
	cache   *cache
	lookups singleflight.Group
}

// New returns a service.
func New(cfg Config) *Service {
	if cfg.Ended == nil {
		cfg.Ended = func(context.Context, string) {}
	}
	return &Service{cfg: cfg, hasher: newHasher(), cache: newCache(cfg.Now)}
}

// SignUp registers a user. It fails with CodeConflict when the name, or one that
// looks like it, is taken.
func (s *Service) SignUp(ctx context.Context, name, password string) (domain.User, error) {
	shown, key, err := canonicalName(name)
	if err != nil {
		return domain.User{}, err
	}
	if err := checkPassword(password); err != nil {
		return domain.User{}, err
	}
	// Names are public, so a taken one is no secret, and costs no hash.
	if err := s.nameIsFree(ctx, key); err != nil {
		return domain.User{}, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return domain.User{}, err
	}
	return s.create(ctx, domain.Account{User: domain.User{Name: shown}, NameKey: key, PasswordHash: hash})
}

func (s *Service) nameIsFree(ctx context.Context, key string) error {
	switch _, err := s.cfg.Store.AccountByName(ctx, key); {
	case err == nil:
		return domain.Errorf(domain.CodeConflict, "this name, or one that looks like it, is taken; choose another")
	case errors.Is(err, domain.ErrNotFound):
		return nil
	default:
		return storeFailed(err)
	}
}

func (s *Service) create(ctx context.Context, a domain.Account) (domain.User, error) {
	a.ID, a.CreatedAt = domain.UserID(domain.NewID()), domain.At(s.cfg.Now())
	if err := s.cfg.Store.CreateAccount(ctx, a); err != nil {
		return domain.User{}, storeFailed(err)
	}
	return a.User, nil
}

// SignIn opens a session. An unknown name and a wrong password get the same answer
// after the same time.
func (s *Service) SignIn(ctx context.Context, name, password, userAgent string) (token string, _ domain.Session, err error) {
	account := domain.Account{}
	if _, key, err := canonicalName(name); err == nil {
		account, err = s.cfg.Store.AccountByName(ctx, key)
		if err != nil && !errors.Is(err, domain.ErrNotFound) {
			return "", domain.Session{}, storeFailed(err)
		}
	}
	if len(password) > maxPasswordBytes {
		return "", domain.Session{}, checkPassword(password)
	}
	ok, err := s.hasher.verify(ctx, password, account.PasswordHash)
	if err != nil {
		return "", domain.Session{}, err
	}
	if !ok {
		return "", domain.Session{}, domain.Errorf(domain.CodeUnauthenticated, "name or password is wrong")
	}
	return s.open(ctx, account.User, userAgent)
}

// SignInGuest opens a session for somebody with a name only. Guests may share a name
// with each other, but not with a registered user.
func (s *Service) SignInGuest(ctx context.Context, name, userAgent string) (token string, _ domain.Session, err error) {
	if !s.cfg.Guests {
		return "", domain.Session{}, domain.Errorf(domain.CodeForbidden, "this server takes no guests; sign up for an account")
	}
	shown, key, err := canonicalName(name)
	if err != nil {
		return "", domain.Session{}, err
	}
	if err := s.nameIsFree(ctx, key); err != nil {
		return "", domain.Session{}, err
	}
	u, err := s.create(ctx, domain.Account{User: domain.User{Name: shown, Guest: true}})
	if err != nil {
		return "", domain.Session{}, err
	}
	return s.open(ctx, u, userAgent)
}

// User returns somebody by id, or domain.ErrNotFound.
func (s *Service) User(ctx context.Context, id domain.UserID) (domain.User, error) {
	a, err := s.cfg.Store.Account(ctx, id)
	if err != nil {
		return domain.User{}, storeFailed(err)
	}
	return a.User, nil
}

// NameKey returns the key that a name shares with all that look like it, or the
// reason why it is no name.
func NameKey(name string) (string, error) {
	_, key, err := canonicalName(name)
	return key, err
}

// storeFailed keeps what the store says on purpose, and calls the rest unavailable.
func storeFailed(err error) error {
	if _, ok := errors.AsType[*domain.Error](err); ok || errors.Is(err, domain.ErrNotFound) {
		return err
	}
	return domain.Unavailable("the store of accounts", err)
}
