package ingest

import (
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/ingest/embedredis"
)

// addressed gives the suite's messages what the append needs, and takes a duplicate
// for what it is: the message is there.
type addressed struct{ *Publisher }

func (a addressed) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		copied := m.Copy()
		copied.SetContext(m.Context())
		copied.Metadata.Set(MetaRoom, "aaaaaaaaaaaaaaaaaaaa")
		copied.Metadata.Set(MetaKeyField, domain.KeyField("suite", m.UUID))
		var known *DuplicateError
		if err := a.Publisher.Publish(topic, copied); err != nil && !errors.As(err, &known) {
			return err
		}
	}
	return nil
}

// suite is Watermill's own, with watermill-redisstream's Subscriber at the other end
// of the log: so the suite also proves the log's format.
//
// It runs in its short form, since the long one measures mostly the subscriber (50 of
// them read 5,000 messages one by one), and without TestReconnect, which has a data
// race of its own; TestPublisher_reconnects stands in for it. CONFAB_TEST_FULL=1 runs
// everything, without -race.
func suite(t *testing.T, newClient func(t *testing.T) redis.UniversalClient, restart []string) {
	newPubSub := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		p, err := NewPublisher(newClient(t), PublisherConfig{})
		require.NoError(t, err)
		s, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
			Client: newClient(t), ConsumerGroup: group, Consumer: watermill.NewShortUUID(),
			BlockTime: 10 * time.Millisecond, ClaimInterval: 3 * time.Second, MaxIdleTime: 5 * time.Second,
		}, watermill.NewSlogLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		return addressed{p}, s
	}
	full := os.Getenv("CONFAB_TEST_FULL") != ""
	if !full {
		restart = nil
	}
	tests.TestPubSub(t, tests.Features{
		ForceShort:                          !full,
		ConsumerGroups:                      true,
		GuaranteedOrder:                     true,
		GuaranteedOrderWithSingleSubscriber: true,
		Persistent:                          true,
		NewSubscriberReceivesOldMessages:    true,
		RestartServiceCommand:               restart,
		GenerateTopicFunc:                   func(c tests.TestContext) string { return "confab:{" + string(c.TestID) + "}:log" },
	}, func(t *testing.T) (message.Publisher, message.Subscriber) {
		return newPubSub(t, watermill.NewShortUUID())
	}, newPubSub)
}

func TestPublisher_watermillSuiteOnRedis(t *testing.T) {
	server := domaintest.StartRedis(t)
	newClient := func(t *testing.T) redis.UniversalClient {
		return redis.NewClient(&redis.Options{ // closed by the subscriber, or with the process
			Addr: server.Addr, MaxRetries: -1, ContextTimeoutEnabled: true, PoolSize: 50,
		})
	}
	suite(t, newClient, []string{"redis-cli", "-p", server.Addr[len("127.0.0.1:"):], "debug", "restart"})
}

func TestPublisher_watermillSuiteOnMiniredis(t *testing.T) {
	server, err := embedredis.Start()
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	suite(t, func(*testing.T) redis.UniversalClient { return server.Client() }, nil)
}
