package projector

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDependency_whoeverFailsCounts(t *testing.T) {
	var book strings.Builder
	d := &dependency{name: "the store", logger: slog.New(slog.NewTextHandler(&book, nil))}
	away := errors.New("away")
	d.report("a", nil)
	d.report("a", away)
	d.report("b", nil) // b is served, a is not
	d.report("a", away)
	d.report("b", away)
	require.ErrorIs(t, d.trouble(), away)
	d.report("a", nil)
	require.ErrorIs(t, d.trouble(), away)
	d.report("b", nil)
	require.NoError(t, d.trouble())
	require.Equal(t, 2, strings.Count(book.String(), "\n"), book.String())

	d.report("a", away)
	d.forget("a")
	require.NoError(t, d.trouble())
}
