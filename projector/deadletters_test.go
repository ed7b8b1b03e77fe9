package projector_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/projector"
)

func TestDeadLetters_listRetryDrop(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		ctx := t.Context()
		room := newRoom()
		want := f.says(room, 2)
		f.log("a", "\x00\xff")
		entry := f.log("_watermill_message_uuid", "u", "metadata", "", "payload", "garbage")
		first := f.start()
		f.archived(want)
		f.acked()
		first.stop()

		letters, err := projector.ListPoison(ctx, f.redis, part, "", 10)
		require.NoError(t, err)
		require.Len(t, letters, 2)
		require.Equal(t, []projector.Field{{Name: []byte("a"), Value: []byte("\x00\xff")}}, letters[0].Fields)
		require.Equal(t, "undecodable", letters[1].Reason)
		require.Equal(t, "garbage", string(letters[1].Payload))
		require.Equal(t, entry, letters[1].Entry)
		page, err := projector.ListPoison(ctx, f.redis, part, letters[0].ID, 10)
		require.NoError(t, err)
		require.Equal(t, letters[1:], page)

		require.NoError(t, projector.DropPoison(ctx, f.redis, part, letters[1].ID))
		require.ErrorIs(t, projector.DropPoison(ctx, f.redis, part, letters[1].ID), domain.ErrNotFound)
		require.ErrorIs(t, projector.RetryPoison(ctx, f.redis, part, letters[1].ID), domain.ErrNotFound)

		require.NoError(t, projector.RetryPoison(ctx, f.redis, part, letters[0].ID))
		require.Empty(t, f.deadReasons())
		f.start()
		f.eventually("back in the dead letters, as it was", func() bool {
			again, err := projector.ListPoison(ctx, f.redis, part, "", 10)
			return err == nil && len(again) == 1 && again[0].Reason == "malformed" &&
				string(again[0].Fields[0].Value) == "\x00\xff"
		})
	})
}

// The payload of a letter goes through any number of retries unchanged.
func TestDeadLetters_retryKeepsTheBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		room := newRoom()
		f.heads[room] = 1 << 40
		f.toLog(f.next(room)) // implausible
		f.heads[room] = 0
		f.start()
		f.eventually("set aside", func() bool { return len(f.deadReasons()) == 1 })
		letters, err := projector.ListPoison(t.Context(), f.redis, part, "", 1)
		require.NoError(t, err)
		require.NoError(t, projector.RetryPoison(t.Context(), f.redis, part, letters[0].ID))
		f.archived(f.says(room, 2))
		f.eventually("set aside again", func() bool { return len(f.deadReasons()) == 1 })
		again, err := projector.ListPoison(t.Context(), f.redis, part, "", 1)
		require.NoError(t, err)
		require.Equal(t, letters[0].Payload, again[0].Payload)
	})
}
