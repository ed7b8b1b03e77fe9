package projector_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/projector"
)

// reading is a subscription of a test.
type reading struct {
	t        *testing.T
	sub      *projector.Subscriber
	messages <-chan *message.Message
}

func (f *fixture) read(consumer string, change ...func(*projector.SubscriberConfig)) *reading {
	f.t.Helper()
	return f.readOver(connect(f.t, f.s.addr), consumer, change...)
}

func (f *fixture) readOver(client *redis.Client, consumer string, change ...func(*projector.SubscriberConfig)) *reading {
	f.t.Helper()
	cfg := projector.SubscriberConfig{Group: "g", Consumer: consumer, Block: 50 * time.Millisecond, NackDelay: time.Millisecond}
	for _, c := range change {
		c(&cfg)
	}
	sub, err := projector.NewSubscriber(client, cfg)
	require.NoError(f.t, err)
	messages, err := sub.Subscribe(context.Background(), part.Log())
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _ = sub.Close() })
	return &reading{f.t, sub, messages}
}

// next returns the payload of the next message, after acking it.
func (r *reading) next() string {
	r.t.Helper()
	msg := r.take()
	msg.Ack()
	return string(msg.Payload)
}

func (r *reading) take() *message.Message {
	r.t.Helper()
	select {
	case msg, ok := <-r.messages:
		require.True(r.t, ok, "the channel was closed")
		return msg
	case <-time.After(15 * time.Second):
		require.FailNow(r.t, "no message")
		return nil
	}
}

func (f *fixture) send(payloads ...string) {
	f.t.Helper()
	for _, p := range payloads {
		f.log("_watermill_message_uuid", "u", "metadata", "", "payload", p)
	}
}

func TestSubscriber_ownPendingEntriesComeFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.send("1", "2", "3", "4")
		before := f.read("c", func(c *projector.SubscriberConfig) { c.Window = 3 })
		before.take()
		require.Equal(t, "2", before.next())
		before.take()
		require.NoError(t, before.sub.Close())
		f.send("5")

		again := f.read("c")
		for _, want := range []string{"1", "3", "4", "5"} {
			require.Equal(t, want, again.next())
		}
	})
}

func TestSubscriber_windowBoundsWhatIsInFlight(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		for i := range 20 {
			f.send(fmt.Sprint(i))
		}
		r := f.read("c", func(c *projector.SubscriberConfig) { c.Window = 5 })
		var held []*message.Message
		for range 5 {
			held = append(held, r.take())
		}
		select {
		case msg := <-r.messages:
			require.Fail(t, "a sixth message", string(msg.Payload))
		case <-time.After(200 * time.Millisecond):
		}
		held[3].Ack() // in any order
		require.Equal(t, "5", string(r.take().Payload))
	})
}

func TestSubscriber_windowBoundsBytesInFlight(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		r := f.read("c", func(c *projector.SubscriberConfig) { c.WindowBytes = 100 })
		f.send(strings.Repeat("a", 60))
		first := r.take()
		f.send(strings.Repeat("b", 60))
		second := r.take()
		f.send("c")
		select {
		case msg := <-r.messages:
			require.Fail(t, "more than the window", string(msg.Payload))
		case <-time.After(200 * time.Millisecond):
		}
		second.Ack()
		require.Equal(t, "c", r.next())
		first.Ack()
	})
}

func TestSubscriber_whatIsSettledOutOfOrderCounts(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.send("1", "2", "3")
		r := f.read("c")
		first, second, third := r.take(), r.take(), r.take()
		third.Ack()
		second.Nack()
		require.Equal(t, "2", r.next())
		f.eventually("only the first is pending", func() bool {
			return f.redis.XPending(t.Context(), part.Log(), "g").Val().Count == 1
		})
		require.ErrorIs(t, third.Context().Err(), context.Canceled)
		require.NoError(t, first.Context().Err())
	})
}

func TestSubscriber_nackedMessageComesAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.send("1")
		r := f.read("c")
		for range 3 {
			require.True(t, r.take().Nack())
		}
		require.Equal(t, "1", r.next())
	})
}

func TestSubscriber_malformedEntryIsAMessage(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		id := f.log("a", "1", "b", "\x00\xff")
		f.send("good")
		r := f.read("c")
		msg := r.take()
		require.NotEmpty(t, msg.Metadata.Get(projector.Malformed))
		require.Equal(t, id, projector.EntryIDFromCtx(msg.Context()))
		fields, err := projector.Fields(msg.Payload)
		require.NoError(t, err)
		require.Equal(t, []projector.Field{{Name: []byte("a"), Value: []byte("1")}, {Name: []byte("b"), Value: []byte("\x00\xff")}}, fields)
		msg.Ack()
		require.Equal(t, "good", r.next())
	})
}

func TestSubscriber_lostGroupIsMadeAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.send("1")
		r := f.read("c")
		require.Equal(t, "1", r.next())
		require.NoError(t, f.redis.FlushAll(t.Context()).Err())
		f.send("2", "3")
		require.Equal(t, "2", r.next())
		require.Equal(t, "3", r.next())
	})
}

func TestSubscriber_takesOverFromADeadConsumer(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.send("1", "2", "3")
		dead := f.read("dead")
		dead.take()
		require.NoError(t, dead.sub.Close())

		r := f.read("alive", func(c *projector.SubscriberConfig) {
			c.ClaimEvery, c.ClaimIdle, c.Window = 50*time.Millisecond, 300*time.Millisecond, 2
		})
		for _, want := range []string{"1", "2", "3"} {
			require.Equal(t, want, r.next())
		}
	})
}

// dropReplies is a go-redis hook under which Redis does what it was asked, and the
// answer is lost on the way.
type dropReplies struct {
	redis.Hook
	drop atomic.Int32 // how many more replies that carry entries
	hide bool         // look like no entries instead of an error
}

func (d *dropReplies) DialHook(next redis.DialHook) redis.DialHook { return next }

func (d *dropReplies) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (d *dropReplies) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() != "xreadgroup" || err != nil || d.drop.Add(-1) < 0 {
			return err
		}
		err = errors.New("reply lost")
		if d.hide {
			err = redis.Nil
		}
		cmd.SetErr(err)
		return err
	}
}

// Redis counts entries as delivered when it sends them, not when they arrive.
func TestSubscriber_lostReplyIsReadAgainInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		client, hook := connect(t, s.addr), &dropReplies{}
		client.AddHook(hook)
		r := f.readOver(client, "c")
		f.send("0")
		require.Equal(t, "0", r.next())
		hook.drop.Store(1)
		f.send("1")
		f.eventually("reply is lost", func() bool { return hook.drop.Load() <= 0 })
		f.send("2")
		require.Equal(t, "1", r.next())
		require.Equal(t, "2", r.next())
	})
}

// A client that retries by itself hides the lost reply; the count of pending entries
// gives it away.
func TestSubscriber_replyLostUnnoticed(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		client, hook := connect(t, s.addr), &dropReplies{hide: true}
		client.AddHook(hook)
		r := f.readOver(client, "c", func(c *projector.SubscriberConfig) { c.ClaimEvery = 100 * time.Millisecond })
		f.send("0")
		require.Equal(t, "0", r.next())
		hook.drop.Store(1)
		f.send("1")
		require.Equal(t, "1", r.next())
	})
}

func TestSubscriber_closeIsIdempotentAndSendsAcks(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.send("1", "2", "3")
		r := f.read("c")
		require.Equal(t, "1", r.next())
		require.Equal(t, "2", r.next())
		require.NoError(t, r.sub.Close())
		require.NoError(t, r.sub.Close())
		left := f.redis.XPending(t.Context(), part.Log(), "g").Val()
		require.EqualValues(t, 1, left.Count)
		_, err := r.sub.Subscribe(t.Context(), part.Log())
		require.Error(t, err)
	})
}

func TestSubscriber_entryDeletedWhilePending(t *testing.T) {
	onBoth(t, func(t *testing.T, s server) {
		f := newFixture(t, s)
		f.send("1", "2")
		before := f.read("c")
		gone := projector.EntryIDFromCtx(before.take().Context())
		before.take()
		require.NoError(t, before.sub.Close())
		require.NoError(t, f.redis.XDel(t.Context(), part.Log(), gone).Err())

		r := f.read("c")
		require.Equal(t, "2", r.next())
		f.eventually("nothing is pending", func() bool {
			return f.redis.XPending(t.Context(), part.Log(), "g").Val().Count == 0
		})
	})
}
