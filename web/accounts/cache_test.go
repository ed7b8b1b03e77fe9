package accounts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
)

func TestCache_tidyKeepsWhatIsGood(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	c := newCache(func() time.Time { return now })
	session := domain.Session{ExpiresAt: domain.At(now.Add(time.Hour))}
	c.put("old", session, now.Add(-cacheLifetime), c.generation())
	c.put("young", session, now.Add(1-cacheLifetime), c.generation())
	c.tidy()
	require.Len(t, c.entries, 1)
	got, ok := c.get("young")
	require.True(t, ok)
	require.Equal(t, session, got)
}
