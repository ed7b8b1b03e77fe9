package accounts_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/web/accounts"
)

// front is a service with its store and a clock that stands still.
type front struct {
	*accounts.Service
	store *domaintest.MemoryStore
	now   time.Time
	ended []string
}

func newFront(change ...func(*accounts.Config)) *front {
	f := &front{store: domaintest.NewMemoryStore(), now: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)}
	cfg := accounts.Config{
		Store: f.store, Guests: true, Now: func() time.Time { return f.now },
		Ended: func(_ context.Context, id string) { f.ended = append(f.ended, id) },
	}
	for _, c := range change {
		c(&cfg)
	}
	f.Service = accounts.New(cfg)
	return f
}

func TestSignUp_oneOfManyAtOnceWins(t *testing.T) {
	f := newFront()
	var wins, conflicts int
	var mu sync.Mutex
	var g sync.WaitGroup
	for _, name := range []string{"ada", "Ada", "ADA", "ａｄａ"} {
		g.Go(func() {
			_, err := f.SignUp(t.Context(), name, "correct horse")
			mu.Lock()
			defer mu.Unlock()
			switch domain.CodeOf(err) {
			case "":
				wins++
			case domain.CodeConflict:
				conflicts++
			}
		})
	}
	g.Wait()
	require.Equal(t, []int{1, 3}, []int{wins, conflicts})
}

func TestGuests_whereTheyAreNot(t *testing.T) {
	f := newFront(func(c *accounts.Config) { c.Guests = false })
	_, _, err := f.SignInGuest(t.Context(), "ada", "")
	require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
}

func TestSession_onlyTheHashIsKept(t *testing.T) {
	f := newFront()
	token, session, err := f.SignInGuest(t.Context(), "ada", "test")
	require.NoError(t, err)
	kept, err := f.store.Sessions(t.Context(), session.User.ID, f.now)
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Len(t, kept[0].TokenHash, 64)
	require.NotContains(t, kept[0].TokenHash, token)
}

func TestAuthenticate_answersFromTheCacheFor30Seconds(t *testing.T) {
	f := newFront()
	token, session, err := f.SignInGuest(t.Context(), "ada", "")
	require.NoError(t, err)
	got, err := f.Authenticate(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, session, got)

	f.store.Fail(errors.New("gone"))
	f.now = f.now.Add(30*time.Second - 1)
	_, err = f.Authenticate(t.Context(), token)
	require.NoError(t, err, "from the cache")
	f.now = f.now.Add(1)
	_, err = f.Authenticate(t.Context(), token)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "and not a sign-out")
}

func TestEnd_tellsAndForgets(t *testing.T) {
	f := newFront()
	token, session, err := f.SignInGuest(t.Context(), "ada", "")
	require.NoError(t, err)
	_, err = f.Authenticate(t.Context(), token)
	require.NoError(t, err)

	require.Equal(t, domain.CodeNotFound, domain.CodeOf(f.End(t.Context(), "somebodyelse22222222", session.ID)))
	require.Empty(t, f.ended)
	require.NoError(t, f.End(t.Context(), session.User.ID, session.ID))
	require.Equal(t, []string{session.ID}, f.ended)
	_, err = f.Authenticate(t.Context(), token)
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
}

// slowStore answers SessionByToken only when told to, after having read.
type slowStore struct {
	domain.Accounts
	read, answer chan struct{}
}

func (s slowStore) SessionByToken(ctx context.Context, hash string, now time.Time) (domain.Session, error) {
	session, err := s.Accounts.SessionByToken(ctx, hash, now)
	s.read <- struct{}{}
	<-s.answer
	return session, err
}

// A session read from the store just before it ended must not enter the cache.
func TestAuthenticate_racesWithEnd(t *testing.T) {
	slow := slowStore{read: make(chan struct{}, 1), answer: make(chan struct{}, 1)}
	f := newFront(func(c *accounts.Config) { slow.Accounts, c.Store = c.Store, &slow })
	token, session, err := f.SignInGuest(t.Context(), "ada", "")
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := f.Authenticate(t.Context(), token)
		done <- err
	}()
	<-slow.read
	require.NoError(t, f.End(t.Context(), session.User.ID, session.ID))
	slow.answer <- struct{}{}
	require.NoError(t, <-done, "it was valid when it was asked for")

	slow.answer <- struct{}{}
	_, err = f.Authenticate(t.Context(), token)
	require.Equal(t, domain.CodeUnauthenticated, domain.CodeOf(err))
}

func TestAuthenticate_allWhoAskAtOnceShareALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := slowStore{read: make(chan struct{}, 2), answer: make(chan struct{}, 2)}
		f := newFront(func(c *accounts.Config) { slow.Accounts, c.Store = c.Store, &slow })
		token, session, err := f.SignInGuest(t.Context(), "ada", "")
		require.NoError(t, err)
		var asking sync.WaitGroup
		ask := func(want domain.Code) {
			asking.Go(func() {
				_, err := f.Authenticate(t.Context(), token)
				require.Equal(t, want, domain.CodeOf(err))
			})
		}
		ask("")
		ask("")
		synctest.Wait()
		require.Len(t, slow.read, 1)

		require.NoError(t, f.End(t.Context(), session.User.ID, session.ID))
		ask(domain.CodeUnauthenticated) // not with the lookup from before
		synctest.Wait()
		require.Len(t, slow.read, 2)
		slow.answer <- struct{}{}
		slow.answer <- struct{}{}
		asking.Wait()
	})
}
