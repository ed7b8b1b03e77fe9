package fanout

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What anybody publishes on a channel of ours is refused or means one thing.
func FuzzBusMessage(f *testing.F) {
	for _, s := range []string{"", "\n", "\n\n", "id\n\n{}", "id\n{\"a\":\"b\"}\npayload\nof two lines", "id\nnull\n", "id\n[]\n", "\n{\"a\":1}\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := unmarshalMessage(s)
		if err != nil {
			return
		}
		b, err := marshalMessage(m)
		require.NoError(t, err)
		again, err := unmarshalMessage(string(b))
		require.NoError(t, err)
		require.Equal(t, m.UUID, again.UUID)
		require.Equal(t, string(m.Payload), string(again.Payload))
		require.Equal(t, m.Metadata, again.Metadata)
	})
}
