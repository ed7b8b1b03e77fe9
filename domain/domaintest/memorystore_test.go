package domaintest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

func TestMemoryStore(t *testing.T) {
	domaintest.TestStore(t, func(*testing.T) domain.Store { return domaintest.NewMemoryStore() },
		domaintest.WithReopen(func(_ *testing.T, s domain.Store) domain.Store { return s }))
}

func TestMemoryStore_fails(t *testing.T) {
	s, broken := domaintest.NewMemoryStore(), errors.New("broken")
	h := domaintest.NewHistory("room", domain.Public)

	s.FailProject(broken)
	require.ErrorIs(t, s.Project(t.Context(), h.Records(1, 0)), broken)
	head, err := s.Head(t.Context(), h.Room)
	require.NoError(t, err)
	require.Zero(t, head)

	s.FailProject(nil)
	s.Fail(broken)
	require.ErrorIs(t, s.Ping(t.Context()), broken)
	require.ErrorIs(t, s.Project(t.Context(), h.Records(1, 0)), broken)
	s.Fail(nil)
	require.NoError(t, s.Project(t.Context(), h.Records(1, 0)))
}

func TestMemoryStore_blocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := domaintest.NewMemoryStore()
		release := s.Block()
		ctx, cancel := context.WithCancel(t.Context())
		cancelled, done := make(chan error, 1), make(chan error, 1)
		go func() { cancelled <- s.Ping(ctx) }()
		go func() { done <- s.Ping(t.Context()) }()
		synctest.Wait()
		require.Empty(t, cancelled)
		require.Empty(t, done)

		cancel()
		require.ErrorIs(t, <-cancelled, context.Canceled)
		release()
		require.NoError(t, <-done)
	})
}
