package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

var (
	ada  = domain.User{ID: "adaaaaaaaaaaaaaaaaaa", Name: "ada"}
	bob  = domain.User{ID: "bobbbbbbbbbbbbbbbbbb", Name: "bob"}
	cleo = domain.User{ID: "cleooooooooooooooooo", Name: "cleo"}
)

// system is Redis and a store, with nodes that share them.
type system struct {
	t     *testing.T
	redis redis.UniversalClient
	store *domaintest.MemoryStore
}

// ctx ends with the test.
func (s *system) ctx() context.Context { return s.t.Context() }

func newSystem(t *testing.T, client redis.UniversalClient) *system {
	return &system{t: t, redis: client, store: domaintest.NewMemoryStore()}
}

// node returns a new node of the system.
func (s *system) node(configure ...func(*Config)) *Service {
	s.t.Helper()
	config := Config{
		Publisher: newPublisher(s.t, s.redis, PublisherConfig{}), Redis: s.redis, Stream: testStream{s.redis},
		Archive: s.store, Views: s.store, Partitions: 1, HotWindow: 10, LostAfter: time.Millisecond,
	}
	for _, f := range configure {
		f(&config)
	}
	n, err := NewService(config)
	require.NoError(s.t, err)
	return n
}

// project archives what the log holds, as a projector does that may see an event
// twice, and trims the log.
func (s *system) project() {
	s.t.Helper()
	entries, err := s.redis.XRange(s.ctx(), partition.Log(), "-", "+").Result()
	require.NoError(s.t, err)
	for _, entry := range entries {
		rec, err := domain.DecodeRecord([]byte(entry.Values["payload"].(string)))
		require.NoError(s.t, err)
		require.NoError(s.t, s.store.Project(s.ctx(), []domain.Record{rec}))
		require.NoError(s.t, s.redis.XDel(s.ctx(), partition.Log(), entry.ID).Err())
	}
}

// trim leaves the room's events from seq on in Redis, and their keys.
func (s *system) trim(room domain.RoomID, seq uint64) {
	s.t.Helper()
	entries, err := s.redis.XRange(s.ctx(), partition.Room(room), "-", streamID(seq-1)).Result()
	require.NoError(s.t, err)
	for _, entry := range entries {
		require.NoError(s.t, s.redis.HDel(s.ctx(), partition.Meta(room), entry.Values["key"].(string)).Err())
	}
	require.NoError(s.t, s.redis.HSet(s.ctx(), partition.Meta(room), "since", seq).Err())
	require.NoError(s.t, s.redis.XTrimMinID(s.ctx(), partition.Room(room), streamID(seq)).Err())
}

func (s *system) head(room domain.RoomID) uint64 {
	s.t.Helper()
	heads, err := testStream{s.redis}.Heads(s.ctx(), room)
	require.NoError(s.t, err)
	return heads[0]
}

// checkHistory projects and requires that the archive and the stream hold the same
// events, that each client key is there once, and returns the bodies, or the kinds of
// what are no messages, in order.
func (s *system) checkHistory(room domain.RoomID) []string {
	s.t.Helper()
	s.project()
	archived, err := s.store.Range(s.ctx(), room, 0, 10_000)
	require.NoError(s.t, err)
	streamed, err := testStream{s.redis}.Range(s.ctx(), room, 0, 10_000)
	require.NoError(s.t, err)
	require.NotEmpty(s.t, streamed, "a trimmed room keeps its last event")
	require.Equal(s.t, archived[len(archived)-len(streamed):], streamed)
	require.EqualValues(s.t, len(archived), s.head(room))
	var story []string
	keys := map[string]bool{}
	for i, rec := range archived {
		e, err := rec.Event()
		require.NoError(s.t, err)
		require.EqualValues(s.t, i+1, e.Seq)
		if e.Key != "" {
			field := domain.KeyField(e.Actor.ID, e.Key)
			require.False(s.t, keys[field], "key of event %d is used twice", e.Seq)
			keys[field] = true
		}
		if e.Kind == domain.MessagePosted {
			story = append(story, e.Body)
		} else {
			story = append(story, string(e.Kind))
		}
	}
	return story
}

// room makes one that ada owns.
func (s *system) room(n *Service, v domain.Visibility) domain.RoomID {
	s.t.Helper()
	r, err := n.CreateRoom(s.ctx(), ada, "tea", v, "")
	require.NoError(s.t, err)
	return r.Event.Room
}

// says posts and returns the seq.
func (s *system) says(n *Service, u domain.User, room domain.RoomID, key, body string) uint64 {
	s.t.Helper()
	r, err := n.PostMessage(s.ctx(), u, room, key, body)
	require.NoError(s.t, err)
	return r.Event.Seq
}

func requireCode(t *testing.T, want domain.Code, err error) {
	t.Helper()
	require.Equal(t, want, domain.CodeOf(err), "%v", err)
}
