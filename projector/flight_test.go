package projector

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestFlight_isAContext(t *testing.T) {
	type key struct{}
	for name, end := range map[string]func(f *flight, stop context.CancelFunc){
		"acked":              func(f *flight, _ context.CancelFunc) { f.end() },
		"subscription ended": func(_ *flight, stop context.CancelFunc) { stop() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sub, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
				defer stop()
				asked, late := &flight{Context: sub, id: "1-1"}, &flight{Context: sub}
				child, cancel := context.WithCancel(asked)
				defer cancel()
				done := asked.Done()
				synctest.Wait()
				require.NoError(t, asked.Err())
				require.NoError(t, child.Err())
				require.Equal(t, "value", child.Value(key{}))
				require.Equal(t, "1-1", EntryIDFromCtx(child))
				require.Empty(t, EntryIDFromCtx(sub))

				end(asked, stop)
				end(late, stop)
				<-done
				<-late.Done()
				<-child.Done()
				require.ErrorIs(t, asked.Err(), context.Canceled)
				require.ErrorIs(t, child.Err(), context.Canceled)
			})
		})
	}
}
