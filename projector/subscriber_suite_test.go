package projector_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"confab/domain/domaintest"
	"confab/projector"
)

// features are what holds for every window. Order across several readers of a group
// does not; with one reader it does.
func features() tests.Features {
	return tests.Features{
		ConsumerGroups:                      true,
		GuaranteedOrderWithSingleSubscriber: true,
		Persistent:                          true,
		NewSubscriberReceivesOldMessages:    true,
	}
}

func TestSubscriber_suiteOnRedis(t *testing.T) {
	suite(t, domaintest.StartRedis(t, "--appendfsync", "no").Addr, 256, features())
}

// With a window of 1 the next message comes only after the ack of the last: what the
// suite calls guaranteed order.
func TestSubscriber_suiteOnRedisOneAtATime(t *testing.T) {
	f := features()
	f.GuaranteedOrder = true
	f.ForceShort = true
	suite(t, domaintest.StartRedis(t, "--appendfsync", "no").Addr, 1, f)
}

func TestSubscriber_suiteOnMiniredis(t *testing.T) {
	f := features()
	f.ForceShort = true // its streams are slices: 10,000 entries are beyond what it is for
	suite(t, miniredis.RunT(t).Addr(), 256, f)
}

func suite(t *testing.T, addr string, window int, f tests.Features) {
	inGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		pub, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: connect(t, addr)}, nil)
		require.NoError(t, err)
		sub, err := projector.NewSubscriber(connect(t, addr), projector.SubscriberConfig{
			Group:      group,
			Consumer:   watermill.NewShortUUID(),
			Window:     window,
			Block:      100 * time.Millisecond,
			ClaimEvery: 2 * time.Second,
			ClaimIdle:  5 * time.Second, // shorter, and on a busy machine the living rob each other
			NackDelay:  10 * time.Millisecond,
		})
		require.NoError(t, err)
		return pub, sub
	}
	alone := func(t *testing.T) (message.Publisher, message.Subscriber) {
		return inGroup(t, watermill.NewShortUUID())
	}
	tests.TestPubSub(t, f, alone, inGroup)
}
