package domaintest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func (s *storeSuite) testAccounts(t *testing.T) {
	ctx, store := t.Context(), s.open(t)
	ada := domain.Account{
		User: NewUser("Ada"), NameKey: "ada", PasswordHash: "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA",
		CreatedAt: domain.At(time.Now()),
	}
	require.NoError(t, store.CreateAccount(ctx, ada))
	got, err := store.Account(ctx, ada.ID)
	require.NoError(t, err)
	require.Equal(t, ada, got)
	got, err = store.AccountByName(ctx, "ada")
	require.NoError(t, err)
	require.Equal(t, ada, got)
	_, err = store.AccountByName(ctx, "Ada")
	require.ErrorIs(t, err, domain.ErrNotFound, "names are found by their key only")

	other := ada
	other.User = NewUser("АDA")
	require.Equal(t, domain.CodeConflict, domain.CodeOf(store.CreateAccount(ctx, other)))
	_, err = store.Account(ctx, other.ID)
	require.ErrorIs(t, err, domain.ErrNotFound)

	for range 2 { // guests have no key, and may be called the same
		guest := domain.Account{User: NewUser("Ada"), CreatedAt: domain.At(time.Now())}
		guest.Guest = true
		require.NoError(t, store.CreateAccount(ctx, guest))
		got, err = store.Account(ctx, guest.ID)
		require.NoError(t, err)
		require.Equal(t, guest, got)
	}

	var won atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			a := domain.Account{User: NewUser("Bob"), NameKey: "bob", CreatedAt: domain.At(time.Now())}
			switch err := store.CreateAccount(ctx, a); domain.CodeOf(err) {
			case "":
				won.Add(1)
			case domain.CodeConflict:
			default:
				t.Errorf("create account: %v", err)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, won.Load(), "one of eight gets the name")
}

func (s *storeSuite) testSessions(t *testing.T) {
	ctx, store := t.Context(), s.open(t)
	ada, bob, now := NewUser("Ada"), NewUser("Bob"), time.Now()
	old := newSession(ada, "t1", now.Add(-2*time.Hour), now.Add(time.Minute))
	young := newSession(ada, "t2", now.Add(-time.Hour), now.Add(time.Hour))
	bobs := newSession(bob, "t3", now, now.Add(time.Hour))
	for _, session := range []domain.Session{young, bobs, old} {
		require.NoError(t, store.CreateSession(ctx, session))
	}
	requireSessions := func(now time.Time, want ...domain.Session) {
		t.Helper()
		got, err := store.Sessions(ctx, ada.ID, now)
		require.NoError(t, err)
		require.Equal(t, want, append([]domain.Session(nil), got...))
	}

	requireLive := func(now time.Time, want ...string) {
		t.Helper()
		got, err := store.LiveSessions(ctx, []string{"t1", "t2", "t3", "none", "t2"}, now)
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
		for _, dead := range [][]string{nil, {}, {"none"}} {
			got, err = store.LiveSessions(ctx, dead, now)
			require.NoError(t, err)
			require.Empty(t, got)
		}
		got, err = store.LiveSessions(ctx, []string{"t3"}, now)
		require.NoError(t, err)
		require.Equal(t, []string{"t3"}, got)
	}

	got, err := store.SessionByToken(ctx, "t1", now)
	require.NoError(t, err)
	require.Equal(t, old, got)
	requireLive(now, "t1", "t2", "t3")
	requireSessions(now, old, young)

	later := now.Add(2 * time.Minute)
	_, err = store.SessionByToken(ctx, "t1", later)
	require.ErrorIs(t, err, domain.ErrNotFound, "it expired")
	requireLive(later, "t2", "t3")
	requireSessions(later, young)

	require.ErrorIs(t, store.DeleteSession(ctx, bob.ID, young.ID), domain.ErrNotFound, "it is not bob's")
	requireSessions(now, old, young)
	require.NoError(t, store.DeleteSession(ctx, ada.ID, young.ID))
	require.ErrorIs(t, store.DeleteSession(ctx, ada.ID, young.ID), domain.ErrNotFound, "it is gone")
	_, err = store.SessionByToken(ctx, "t2", now)
	require.ErrorIs(t, err, domain.ErrNotFound)
	requireLive(now, "t1", "t3")
	requireSessions(now, old)

	got, err = store.SessionByToken(ctx, "t3", now)
	require.NoError(t, err)
	require.Equal(t, bobs, got)
}

func newSession(u domain.User, token string, created, expires time.Time) domain.Session {
	return domain.Session{
		ID: domain.NewID(), TokenHash: token, User: u, UserAgent: `Mozilla/5.0 "(é)"`,
		CreatedAt: domain.At(created), ExpiresAt: domain.At(expires),
	}
}
