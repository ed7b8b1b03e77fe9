package fanout_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain/domaintest"
	"confab/fanout"
)

func clientOf(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr: addr, Protocol: 2, MaxRetries: -1, DialTimeout: time.Second, PoolSize: 60,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// onBothServers runs a test against a real redis-server and against miniredis.
func onBothServers(t *testing.T, f func(t *testing.T, c *redis.Client)) {
	t.Run("redis-server", func(t *testing.T) {
		t.Parallel()
		f(t, clientOf(t, domaintest.StartRedis(t).Addr))
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		f(t, clientOf(t, miniredis.RunT(t).Addr()))
	})
}

func busOn(t *testing.T, c *redis.Client, cfg fanout.BusConfig) *fanout.Bus {
	b := fanout.NewBus(c, cfg)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// The features that hold: order, and no message twice unless it was nacked, which is
// what the suite calls ExactlyOnceDelivery. Nothing is kept for those who do not
// listen, so a subscriber of another instance cannot get what was sent before it.
func TestBus_watermillSuite(t *testing.T) {
	onBothServers(t, func(t *testing.T, c *redis.Client) {
		tests.TestPubSub(t, tests.Features{
			ConsumerGroups:        false,
			ExactlyOnceDelivery:   true,
			GuaranteedOrder:       true,
			Persistent:            false,
			RequireSingleInstance: true,
		}, func(t *testing.T) (message.Publisher, message.Subscriber) {
			b := busOn(t, c, fanout.BusConfig{QueueMessages: 20_000, QueueBytes: 64 << 20, SubscribeTimeout: 20 * time.Second})
			return b, b
		}, nil)
	})
}

func publish(t *testing.T, p message.Publisher, topic string, payloads ...string) {
	t.Helper()
	var ms []*message.Message
	for _, s := range payloads {
		ms = append(ms, message.NewMessage("", message.Payload(s)))
	}
	require.NoError(t, p.Publish(topic, ms...))
}

// next returns the payload of the next message, or "gap".
func next(t *testing.T, c <-chan *message.Message) string {
	t.Helper()
	select {
	case m, ok := <-c:
		require.True(t, ok, "the channel is closed")
		m.Ack()
		if fanout.IsGap(m) {
			return "gap"
		}
		return string(m.Payload)
	case <-time.After(10 * time.Second):
		require.Fail(t, "no message")
		return ""
	}
}

func TestBus_subscribersOfATopicAllGetEverything(t *testing.T) {
	onBothServers(t, func(t *testing.T, c *redis.Client) {
		b := busOn(t, c, fanout.BusConfig{})
		one, err := b.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		two, err := b.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		publish(t, b, "x", "a", "b\nc")
		for _, sub := range []<-chan *message.Message{one, two} {
			assert.Equal(t, "a", next(t, sub))
			assert.Equal(t, "b\nc", next(t, sub))
		}
	})
}

// A feed is the same without a channel: nothing is lost or reordered, what is missing
// shows, and it calls when there is something to take.
func TestBus_feed(t *testing.T) {
	onBothServers(t, func(t *testing.T, c *redis.Client) {
		b := busOn(t, c, fanout.BusConfig{QueueMessages: 3})
		filled := make(chan struct{}, 1)
		feed, err := b.Follow(t.Context(), "x", func() {
			select {
			case filled <- struct{}{}:
			default:
			}
		})
		require.NoError(t, err)
		done, err := b.Subscribe(t.Context(), "done")
		require.NoError(t, err)
		take := func(payloads ...string) (taken []string, gap bool) {
			publish(t, b, "x", payloads...)
			publish(t, b, "done", "")
			next(t, done) // same connection: all is in the queue
			<-filled
			came, gap := feed.Take(nil)
			for _, p := range came {
				taken = append(taken, string(p))
			}
			return taken, gap
		}
		for range 3 {
			taken, gap := take("a", "b\nc", "")
			assert.Equal(t, []string{"a", "b\nc", ""}, taken)
			assert.False(t, gap)
		}
		taken, gap := take("a", "b", "c", "d", "e")
		assert.Equal(t, []string{"a", "b", "c"}, taken)
		assert.True(t, gap, "what does not fit is missing")
		require.NoError(t, c.Publish(t.Context(), "x", "no message").Err())
		taken, gap = take("f")
		assert.Equal(t, []string{"f"}, taken)
		assert.True(t, gap)
		taken, gap = take("g")
		assert.Equal(t, []string{"g"}, taken)
		assert.False(t, gap)

		feed.Close()
		require.Eventually(t, func() bool {
			n, err := c.PubSubNumSub(t.Context(), "x").Result()
			return err == nil && n["x"] == 0
		}, 5*time.Second, 10*time.Millisecond, "the topic is still followed")
		require.NoError(t, b.Close())
		_, err = b.Follow(t.Context(), "x", func() {})
		require.Error(t, err)
	})
}

// What the append script publishes.
func TestBus_readsBytesOfOthers(t *testing.T) {
	onBothServers(t, func(t *testing.T, c *redis.Client) {
		b := busOn(t, c, fanout.BusConfig{})
		sub, err := b.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		require.NoError(t, c.Publish(t.Context(), "x", "id\n\n{\"room\":1}").Err())
		require.NoError(t, c.Publish(t.Context(), "x", "no message").Err())
		require.NoError(t, c.Publish(t.Context(), "x", "id\n{broken\n").Err())
		require.NoError(t, c.Publish(t.Context(), "x", "id\n{\"k\":\"v\"}\n").Err())
		assert.Equal(t, `{"room":1}`, next(t, sub))
		assert.Equal(t, "gap", next(t, sub))
		assert.Equal(t, "gap", next(t, sub))
		m := <-sub
		assert.Equal(t, "v", m.Metadata.Get("k"))
		m.Ack()
	})
}

// Topics come and go on one connection; a topic that was dropped and is wanted again
// is confirmed anew before Subscribe returns.
func TestBus_topicsComeAndGo(t *testing.T) {
	onBothServers(t, func(t *testing.T, c *redis.Client) {
		b := busOn(t, c, fanout.BusConfig{})
		for i := range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			sub, err := b.Subscribe(ctx, "x")
			require.NoError(t, err)
			want := fmt.Sprint(i)
			publish(t, b, "x", want)
			require.Equal(t, want, next(t, sub))
			cancel()
			for range sub { // until it is closed
			}
		}
		require.Eventually(t, func() bool {
			n, err := c.PubSubNumSub(t.Context(), "x").Result()
			return err == nil && n["x"] == 0
		}, 5*time.Second, 10*time.Millisecond, "the topic is still followed")
	})
}

func TestBus_aSubscriberTooFarBehindGetsAGap(t *testing.T) {
	onBothServers(t, func(t *testing.T, c *redis.Client) {
		b := busOn(t, c, fanout.BusConfig{QueueMessages: 10})
		slow, err := b.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		marker, err := b.Subscribe(t.Context(), "x")
		require.NoError(t, err)
		go func() { // reads everything, so that the publishing is seen to be over
			for m := range marker {
				m.Ack()
			}
		}()
		for i := range 50 {
			publish(t, b, "x", fmt.Sprint(i))
		}
		done, err := b.Subscribe(t.Context(), "done")
		require.NoError(t, err)
		publish(t, b, "done", "")
		next(t, done) // same connection: all 50 are queued or dropped
		got := []string{}
		for {
			s := next(t, slow)
			got = append(got, s)
			if s == "gap" {
				break
			}
		}
		assert.GreaterOrEqual(t, len(got), 11)
		assert.LessOrEqual(t, len(got), 12, "10 in the queue, 1 on its way, then the gap")
		publish(t, b, "x", "later")
		assert.Equal(t, "later", next(t, slow))
	})
}

func TestBus_lostConnectionIsAGap(t *testing.T) {
	t.Parallel()
	c := clientOf(t, domaintest.StartRedis(t).Addr)
	b := busOn(t, c, fanout.BusConfig{})
	one, err := b.Subscribe(t.Context(), "x")
	require.NoError(t, err)
	two, err := b.Subscribe(t.Context(), "y")
	require.NoError(t, err)
	feed, err := b.Follow(t.Context(), "x", func() {})
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, c.Do(t.Context(), "client", "kill", "type", "pubsub").Err())
		assert.Equal(t, "gap", next(t, one))
		assert.Equal(t, "gap", next(t, two))
		publish(t, b, "x", "a")
		assert.Equal(t, "a", next(t, one))
		_, gap := feed.Take(nil)
		assert.True(t, gap)
	}
}

func TestBus_restartedRedisIsAGap(t *testing.T) {
	t.Parallel()
	r := domaintest.StartRedis(t)
	c := clientOf(t, r.Addr)
	b := busOn(t, c, fanout.BusConfig{SubscribeTimeout: 300 * time.Millisecond})
	sub, err := b.Subscribe(t.Context(), "x")
	require.NoError(t, err)
	r.Kill()
	_, err = b.Subscribe(t.Context(), "y")
	require.Error(t, err, "nobody confirmed")
	r.Restart()
	assert.Equal(t, "gap", next(t, sub))
	publish(t, b, "x", "a")
	assert.Equal(t, "a", next(t, sub))
}

// A Redis that keeps the connection but says nothing is given up.
func TestBus_silentRedisIsGivenUp(t *testing.T) {
	t.Parallel()
	r := domaintest.StartRedis(t)
	b := busOn(t, clientOf(t, r.Addr), fanout.BusConfig{PingInterval: 50 * time.Millisecond})
	sub, err := b.Subscribe(t.Context(), "x")
	require.NoError(t, err)
	r.Pause()
	require.Eventually(t, func() bool { return b.Lost() > 0 }, 10*time.Second, 10*time.Millisecond)
	r.Resume()
	assert.Equal(t, "gap", next(t, sub))
}

func TestBus_closedBus(t *testing.T) {
	t.Parallel()
	b := fanout.NewBus(clientOf(t, miniredis.RunT(t).Addr()), fanout.BusConfig{})
	assert.Error(t, b.Publish("x", message.NewMessage("two\nlines", nil)))
	sub, err := b.Subscribe(t.Context(), "x")
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	_, open := <-sub
	assert.False(t, open)
	_, err = b.Subscribe(t.Context(), "x")
	assert.Error(t, err)
	assert.Error(t, b.Publish("x", message.NewMessage("", nil)))
}
