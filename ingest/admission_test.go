package ingest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

// gated is a node whose appends need an admitted server.
type gated struct {
	*Service
	admission *Admission
}

// gated returns a node of the system, whose Admission runs.
func (s *system) gated(addr string, grace time.Duration) gated {
	s.t.Helper()
	var g gated
	client := redis.NewClient(&redis.Options{
		Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true,
		OnConnect: func(ctx context.Context, conn *redis.Conn) error { return g.admission.OnConnect(ctx, conn) },
	})
	publisher, err := NewPublisher(client, PublisherConfig{Timeout: 30 * time.Second})
	require.NoError(s.t, err)
	g.Service = s.node(func(c *Config) { c.Publisher, c.Grace, c.Recent = publisher, grace, new(ring).recent })
	g.admission = NewAdmission(g.Service)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.admission.Run(ctx) }()
	s.t.Cleanup(func() {
		_ = publisher.Close()
		stop()
		require.NoError(s.t, <-ended)
		_ = client.Close()
	})
	return g
}

// Redis lacks the tail that one node has acked and nobody follows. Nobody gets those
// seqs again, for a server that has started is admitted only when every node has spoken.
func TestAdmission_noSeqOfALostTailIsIssuedAgain(t *testing.T) {
	server := domaintest.StartRedis(t)
	s := newSystem(t, clientOf(t, server.Addr))
	// The knowing one would admit the server sooner than the ignorant one would.
	knowing, ignorant := s.gated(server.Addr, 600*time.Millisecond), s.gated(server.Addr, time.Second)
	require.Eventually(t, func() bool { return !knowing.admission.Pending() && !ignorant.admission.Pending() }, 10*time.Second, time.Millisecond)
	id := s.room(knowing.Service, domain.Public)
	s.says(ignorant.Service, ada, id, "k2", "message 2")
	s.project()
	s.says(knowing.Service, ada, id, "k3", "message 3")
	s.says(knowing.Service, ada, id, "k4", "message 4")

	// A replica that was promoted without the tail: it never had 3 and 4.
	require.NoError(t, s.redis.Do(s.ctx(), "XDEL", partition.Room(id), "0-3", "0-4").Err())
	require.NoError(t, s.redis.Do(s.ctx(), "XSETID", partition.Room(id), "0-2").Err())
	require.NoError(t, s.redis.HSet(s.ctx(), partition.Meta(id), "head", 2).Err())
	require.NoError(t, s.redis.HDel(s.ctx(), partition.Meta(id), domain.KeyField(ada.ID, "k3"), domain.KeyField(ada.ID, "k4")).Err())
	require.NoError(t, s.redis.Del(s.ctx(), partition.Log()).Err())
	server.Restart()

	post := func(key string) (seq uint64) {
		require.Eventually(t, func() bool {
			r, err := ignorant.PostMessage(s.ctx(), ada, id, key, "message "+key)
			seq = r.Event.Seq
			if err != nil {
				requireCode(t, domain.CodeUnavailable, err)
			}
			return err == nil
		}, 20*time.Second, 10*time.Millisecond)
		return seq
	}
	require.EqualValues(t, 5, post("5"))
	require.Equal(t, []string{"room.created", "message 2", "event.lost", "room.reset", "message 5"}, s.checkHistory(id))
	require.EqualValues(t, 6, post("6"))
}

func TestAdmission_holdsAppendsBack(t *testing.T) {
	server := domaintest.StartRedis(t, "--appendfsync", "no")
	s := newSystem(t, clientOf(t, server.Addr))
	n := s.gated(server.Addr, time.Hour)
	require.Eventually(t, n.admission.Pending, 5*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(s.ctx(), 50*time.Millisecond)
	defer cancel()
	_, err := n.CreateRoom(ctx, ada, "tea", domain.Public, "")
	requireCode(t, domain.CodeUnavailable, err)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	// One node's grace is enough for all.
	other := s.gated(server.Addr, time.Millisecond)
	require.Eventually(t, func() bool { return !n.admission.Pending() && !other.admission.Pending() }, 10*time.Second, time.Millisecond)
	s.room(n.Service, domain.Public)
	s.room(other.Service, domain.Public)
}

// A room in whose place somebody has put something else does not keep a server from being admitted.
func TestAdmission_despiteASpoiledRoom(t *testing.T) {
	server := domaintest.StartRedis(t)
	s := newSystem(t, clientOf(t, server.Addr))
	n := s.gated(server.Addr, 10*time.Millisecond)
	require.Eventually(t, func() bool { return !n.admission.Pending() }, 10*time.Second, time.Millisecond)
	id := s.room(n.Service, domain.Public)
	require.NoError(t, s.redis.Set(s.ctx(), partition.Meta(id), "x", 0).Err())
	require.NoError(t, s.redis.Set(s.ctx(), serverKey, "another", 0).Err())
	require.Eventually(t, func() bool { return s.redis.Get(s.ctx(), serverKey).Val() != "another" }, 10*time.Second, time.Millisecond)
}

// A Redis that was full when it ended is full when it starts.
func TestAdmission_ofAFullRedis(t *testing.T) {
	server := domaintest.StartRedis(t, "--maxmemory", "1")
	s := newSystem(t, clientOf(t, server.Addr))
	n := s.gated(server.Addr, 10*time.Millisecond)
	require.Eventually(t, func() bool { return !n.admission.Pending() }, 10*time.Second, time.Millisecond)
	_, err := n.CreateRoom(s.ctx(), ada, "tea", domain.Public, "")
	requireCode(t, domain.CodeUnavailable, err)
}

// A Redis that does not say which server it is cannot be held back.
func TestAdmission_withoutRunID(t *testing.T) {
	server := domaintest.StartRedis(t, "--appendfsync", "no")
	s := newSystem(t, clientOf(t, server.Addr))
	require.NoError(t, s.redis.Do(s.ctx(), "ACL", "SETUSER", "default", "-info").Err())
	n := s.gated(server.Addr, time.Hour)
	s.room(n.Service, domain.Public)
	require.False(t, n.admission.Pending())
	if errors.Is(s.redis.Info(s.ctx(), "server").Err(), nil) {
		t.Fatal("the server tells who it is")
	}
}
