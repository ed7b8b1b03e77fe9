package mongodb

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/mongodb/mongotest"
)

const (
	eventually = 10 * time.Second
	tick       = 50 * time.Millisecond
)

func openStore(t *testing.T, uri string) *Store {
	t.Helper()
	s, err := Open(t.Context(), uri)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	fresh := mongotest.Databases(t)
	uris := map[domain.Store]string{}
	domaintest.TestStore(t, func(t *testing.T) domain.Store {
		uri := fresh(t)
		s := openStore(t, uri)
		uris[s] = uri
		return s
	}, domaintest.WithReopen(func(t *testing.T, s domain.Store) domain.Store {
		require.NoError(t, s.Close())
		return openStore(t, uris[s])
	}))
}
