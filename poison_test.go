package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector"
)

func TestPoison_listRetryDrop(t *testing.T) {
	server := domaintest.StartRedis(t)
	environ := []string{"CONFAB_REDIS_URL=" + server.URL}
	_, err := runWith(t, environ, "poison", "list")
	require.ErrorContains(t, err, "no Confab has used this Redis")

	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	require.NoError(t, client.Set(t.Context(), partitionsKey, 8, 0).Err())
	dead, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: client}, nil)
	require.NoError(t, err)
	put := func(p domain.Partition, reason, payload string) {
		m := message.NewMessage(domain.NewID(), []byte(payload))
		m.Metadata.Set(projector.PoisonReason, reason)
		require.NoError(t, dead.Publish(p.DeadLetters(), m))
	}
	for i := range 101 { // more than a page
		put(2, "undecodable", fmt.Sprint("garbage ", i))
	}
	put(7, "diverged\x1b[2J\tx", "\x00\x1b[31m\u202e"+strings.Repeat("x", 1000))

	out, err := runWith(t, environ, "poison", "list")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 1+101+1)
	first := regexp.MustCompile(`^2 +(\d+-\d+) +undecodable +20\d\d-\d\d-\d\dT\S+Z +- +"garbage 0"$`).FindStringSubmatch(lines[1])
	require.NotNil(t, first, lines[1])
	last := regexp.MustCompile(`^7 +(\d+-\d+) +diverged\\x1b\[2J\\tx +\S+ +- +"\\x00\\x1b\[31m\\u202ex+"\.\.\. \(1009 bytes\)$`).FindStringSubmatch(lines[102])
	require.NotNil(t, last, lines[102])
	require.Regexp(t, `^[\n -~]+$`, out, "nothing for a terminal to interpret")

	out, err = runWith(t, environ, "poison", "drop", "7", last[1], "1-1")
	require.ErrorContains(t, err, "dead letter 1-1: not found")
	require.Equal(t, "dropped 7 "+last[1]+"\n", out)
	require.Zero(t, client.XLen(t.Context(), domain.Partition(7).DeadLetters()).Val())

	out, err = runWith(t, environ, "poison", "retry", "2", first[1])
	require.NoError(t, err)
	require.Equal(t, "put back 2 "+first[1]+"\n", out)
	log, err := client.XRange(t.Context(), domain.Partition(2).Log(), "-", "+").Result()
	require.NoError(t, err)
	require.Len(t, log, 1)
	require.Equal(t, "garbage 0", log[0].Values["payload"])
	require.EqualValues(t, 100, client.XLen(t.Context(), domain.Partition(2).DeadLetters()).Val())

	_, err = runWith(t, environ, "poison", "drop", "8", "1-1")
	require.ErrorContains(t, err, "there is no partition 8; they are 0 to 7")
	_, err = runWith(t, nil, "poison", "list")
	require.ErrorContains(t, err, "set redis-url")
}
