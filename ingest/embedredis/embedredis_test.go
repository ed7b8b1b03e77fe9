package embedredis

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func start(t *testing.T) (*Server, *redis.Client) {
	t.Helper()
	s, err := Start()
	require.NoError(t, err)
	c := s.Client()
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		require.NoError(t, s.Close())
	})
	return s, c
}

func TestServer_answersALongPipeline(t *testing.T) {
	_, c := start(t)
	ctx := context.Background()
	const n = 7000 // stalls on net.Pipe after a few hundred
	pipe := c.Pipeline()
	for range n {
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: "s", ID: "0-*", Values: []string{"payload", strings.Repeat("x", 100)}})
	}
	_, err := pipe.Exec(ctx)
	require.NoError(t, err)
	length, err := c.XLen(ctx, "s").Result()
	require.NoError(t, err)
	require.EqualValues(t, n, length)
}

func TestServer_clientsShareTheData(t *testing.T) {
	s, c := start(t)
	other := s.Client()
	defer other.Close()
	ctx := context.Background()
	require.NoError(t, c.Set(ctx, "greeting", "hello", 0).Err())
	require.Equal(t, "hello", other.Get(ctx, "greeting").Val())
	s.FlushAll()
	require.ErrorIs(t, other.Get(ctx, "greeting").Err(), redis.Nil)
}

func TestServer_publishesToSubscribers(t *testing.T) {
	_, c := start(t)
	ctx := context.Background()
	sub := c.Subscribe(ctx, "channel")
	defer sub.Close()
	_, err := sub.Receive(ctx) // the confirmation
	require.NoError(t, err)
	require.NoError(t, c.Publish(ctx, "channel", "hello").Err())
	m, err := sub.ReceiveMessage(ctx)
	require.NoError(t, err)
	require.Equal(t, "hello", m.Payload)
}

func TestServer_timeoutsPass(t *testing.T) {
	_, c := start(t)
	ctx := context.Background()
	require.NoError(t, c.Set(ctx, "lease", "mine", time.Second).Err())
	require.Eventually(t, func() bool {
		return c.Exists(ctx, "lease").Val() == 0
	}, 10*time.Second, 50*time.Millisecond)
}

func TestServer_hasNoAddress(t *testing.T) {
	s, _ := start(t)
	require.Nil(t, s.srv.Addr())
}

// go-redis dials in the background, also while everything is being closed.
func TestServer_isDialedWhileItCloses(t *testing.T) {
	s, err := Start()
	require.NoError(t, err)
	var dialing sync.WaitGroup
	for range 8 {
		dialing.Go(func() {
			for {
				c, err := s.Dial()
				if err != nil {
					return
				}
				_ = c.Close()
			}
		})
	}
	require.NoError(t, s.Close())
	dialing.Wait()
	_, err = s.Dial()
	require.ErrorIs(t, err, net.ErrClosed)
}
