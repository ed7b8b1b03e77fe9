package mongodb

import (
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/projector/mongodb/mongotest"
)

func TestHold(t *testing.T) {
	uri := mongotest.Databases(t)(t)
	first, same, other := openStore(t, uri), openStore(t, uri), openStore(t, uri)
	hold := func(s *Store, log string, want domain.Code) {
		t.Helper()
		require.Equal(t, want, domain.CodeOf(s.Hold(t.Context(), log)))
	}
	hold(first, "a", "")
	hold(same, "a", "")
	refused := func(s, by *Store, log, holder string) {
		t.Helper()
		for range heardOften {
			hold(s, log, domain.CodeUnavailable)
			hold(s, log, domain.CodeUnavailable)
			hold(by, holder, "")
		}
		hold(s, log, domain.CodeConflict)
	}
	refused(other, same, "b", "a")

	hold(first, "empty", "") // all who share the Redis see at once that it has lost everything
	hold(same, "empty", "")

	other.holdTime = 0
	hold(other, "b", "")
	refused(first, other, "empty", "b")

	require.NoError(t, other.Release(t.Context(), "not its own"))
	hold(first, "empty", domain.CodeConflict)
	require.NoError(t, other.Release(t.Context(), "b"))
	hold(first, "empty", "")
}
