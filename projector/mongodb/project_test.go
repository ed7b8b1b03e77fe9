package mongodb

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/mongodb/mongotest"
)

// requireComplete checks that the views say what the history says.
func requireComplete(t *testing.T, s *Store, h *domaintest.History) {
	t.Helper()
	ctx := t.Context()
	room, err := s.Room(ctx, h.Room)
	require.NoError(t, err)
	require.Equal(t, h.Fold(), room)
	messages, err := s.Messages(ctx, h.Room, domain.Page{Forward: true, Limit: 1000})
	require.NoError(t, err)
	require.Equal(t, h.Messages(), messages)
	records, err := s.Range(ctx, h.Room, 0, 1000)
	require.NoError(t, err)
	require.Equal(t, h.Records(1, 0), records)
	for _, e := range h.Events {
		rec, err := s.FindKey(ctx, h.Room, e.Actor.ID, e.Key)
		require.NoError(t, err)
		require.Equal(t, e.Seq, rec.Seq)
	}
}

func lively() *domaintest.History {
	h, ada := domaintest.NewHistory("room", domain.Private).Posts(2), domaintest.NewUser("Ada")
	h.Join(ada)
	h.Post(ada, "hello")
	h.Leave(ada)
	h.Join(ada)
	return h.Posts(3)
}

// TestProject_afterACrash breaks a batch off after each of its writes.
func TestProject_afterACrash(t *testing.T) {
	fresh := mongotest.Databases(t)
	for name, crash := range map[string]func(t *testing.T, s *Store, parts []*part){
		"in the archive": func(t *testing.T, s *Store, parts []*part) {
			parts[0].records = parts[0].records[:2]
			require.NoError(t, s.archive(t.Context(), parts))
		},
		"after the archive": func(t *testing.T, s *Store, parts []*part) {
			require.NoError(t, s.archive(t.Context(), parts))
		},
		"after some views": func(t *testing.T, s *Store, parts []*part) {
			require.NoError(t, s.archive(t.Context(), parts))
			var v views
			require.NoError(t, v.add(parts[0]))
			_, err := insert(t.Context(), s.messages, v.messages[:1], false)
			require.NoError(t, err)
			_, err = insert(t.Context(), s.keys, v.keys[1:3], false)
			require.NoError(t, err)
			_, err = put(t.Context(), s.members, v.members, nil)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			uri, h := fresh(t), lively()
			s := openStore(t, uri)
			require.NoError(t, s.Project(t.Context(), h.Records(1, 3)))
			parts, err := split(h.Records(4, 7))
			require.NoError(t, err)
			crash(t, s, parts)

			applied, err := s.Applied(t.Context(), h.Room)
			require.NoError(t, err)
			require.EqualValues(t, 3, applied, "it does not claim more than is there")
			restarted := openStore(t, uri)
			require.NoError(t, restarted.Project(t.Context(), h.Records(4, 7)))
			require.NoError(t, restarted.Project(t.Context(), h.Records(8, 0)))
			requireComplete(t, restarted, h)
		})
	}
}

func TestProject_catchesUpWithTheArchive(t *testing.T) {
	uri, h := mongotest.Server(t), lively()
	s := openStore(t, uri)
	require.NoError(t, s.Project(t.Context(), h.Records(1, 3)))
	parts, err := split(h.Records(4, 6))
	require.NoError(t, err)
	require.NoError(t, s.archive(t.Context(), parts))

	restarted := openStore(t, uri)
	require.ErrorIs(t, restarted.Project(t.Context(), h.Records(8, 8)), domain.ErrGap)
	require.NoError(t, restarted.Project(t.Context(), h.Records(7, 0)), "4 to 6 are archived, and come to the views now")
	requireComplete(t, restarted, h)
}

func TestRebuild_brokenOff(t *testing.T) {
	uri, h := mongotest.Server(t), lively()
	s := openStore(t, uri)
	require.NoError(t, s.Project(t.Context(), h.Records(1, 8)))
	require.NoError(t, s.rooms.Drop(t.Context()))
	require.NoError(t, s.messages.Drop(t.Context()))

	restarted := openStore(t, uri)
	require.NoError(t, restarted.Project(t.Context(), h.Records(9, 0)))
	requireComplete(t, restarted, h)
}

func TestRebuild_brokenOffElsewhere(t *testing.T) {
	uri, h := mongotest.Server(t), lively()
	s := openStore(t, uri)
	require.NoError(t, s.Project(t.Context(), h.Records(1, 8)))
	require.NoError(t, openStore(t, uri).rooms.Drop(t.Context()))

	require.ErrorIs(t, s.Project(t.Context(), h.Records(9, 0)), domain.ErrGap, "what it remembers of the room is no more")
	require.NoError(t, s.Project(t.Context(), h.Records(9, 0)))
	requireComplete(t, s, h)
}

// TestRebuild_whileNodesGoOn asks a node's store after each command of a Rebuild. A key that is
// not found is taken for one that was never used, and a room that is not listed for none.
func TestRebuild_whileNodesGoOn(t *testing.T) {
	uri, h := mongotest.Server(t), lively()
	node := openStore(t, uri)
	require.NoError(t, node.Project(t.Context(), h.Records(1, 0)))
	e := h.Events[1]
	var asked, unavailable atomic.Int64
	s, err := open(options.Client().ApplyURI(uri).SetMonitor(&event.CommandMonitor{
		Succeeded: func(_ context.Context, x *event.CommandSucceededEvent) {
			asked.Add(1)
			rec, err := node.FindKey(context.Background(), h.Room, e.Actor.ID, e.Key)
			assert.NoError(t, err, "after %s", x.CommandName)
			assert.Equal(t, e.Seq, rec.Seq)
			rooms, err := node.Rooms(context.Background(), e.Actor.ID, "", 10)
			if err != nil {
				assert.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%v", err)
				unavailable.Add(1)
			} else {
				assert.Len(t, rooms, 1, "after %s", x.CommandName)
			}
		},
	}), uri)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Rebuild(t.Context()))
	require.Greater(t, asked.Load(), int64(5))
	require.NotZero(t, unavailable.Load())
	rooms, err := node.Rooms(t.Context(), e.Actor.ID, "", 10)
	require.NoError(t, err)
	require.Len(t, rooms, 1)
	requireComplete(t, s, h)
}

func TestProject_aFormerOwnerDoesNoHarm(t *testing.T) {
	uri, h := mongotest.Server(t), lively()
	former, owner := openStore(t, uri), openStore(t, uri)
	require.NoError(t, former.Project(t.Context(), h.Records(1, 3)))
	require.NoError(t, owner.Project(t.Context(), h.Records(4, 8)))

	require.NoError(t, former.Project(t.Context(), h.Records(4, 6)), "it wakes up and goes on where it was")
	requireComplete(t, owner, &domaintest.History{Room: h.Room, Events: h.Events[:8]})
	e := h.Events[6]
	e.Body = "another"
	require.ErrorIs(t, former.Project(t.Context(), []domain.Record{domaintest.RecordOf(e)}), domain.ErrDiverged)
	require.NoError(t, former.Project(t.Context(), h.Records(9, 0)), "it is the owner again")
	require.NoError(t, owner.Project(t.Context(), h.Records(9, 0)))
	requireComplete(t, owner, h)
}

func TestPut_keepsTheNewer(t *testing.T) {
	s := openStore(t, mongotest.Server(t))
	member := func(seq uint64) []memberDocument {
		return []memberDocument{{ID: "room:user", Seq: seq, Role: domain.Ordinary, Name: fmt.Sprint("at ", seq)}}
	}
	requireSeq := func(want uint64) {
		t.Helper()
		got, err := findOne[memberDocument](t.Context(), s.members, bson.D{is("_id", "room:user")})
		require.NoError(t, err)
		require.Equal(t, member(want)[0], got)
	}
	requirePut := func(want int, fresh, known []memberDocument) {
		t.Helper()
		missed, err := put(t.Context(), s.members, fresh, known)
		require.NoError(t, err)
		require.Equal(t, want, missed)
	}
	requirePut(1, nil, member(1)) // there is nothing to replace
	for _, step := range []struct {
		put, want uint64
		missed    int
	}{{5, 5, 0}, {4, 5, 1}, {5, 5, 1}, {7, 7, 0}} {
		requirePut(step.missed, member(step.put), nil)
		requireSeq(step.want)
		requirePut(1, nil, member(step.put))
		requireSeq(step.want)
	}
}

func TestProject_noServerThenOne(t *testing.T) {
	server := mongotest.Start(t)
	server.Kill()
	h := lively()
	s := openStore(t, server.URI+"?serverSelectionTimeoutMS=300&heartbeatFrequencyMS=500")

	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(s.Ping(t.Context())))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(s.Project(t.Context(), h.Records(1, 3))))
	_, err := s.Head(t.Context(), h.Room)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))

	server.Restart()
	require.Eventually(t, func() bool { return s.Project(t.Context(), h.Records(1, 3)) == nil }, eventually, tick)
	server.Kill()
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(s.Project(t.Context(), h.Records(4, 5))))
	server.Restart()
	require.Eventually(t, func() bool { return s.Project(t.Context(), h.Records(4, 0)) == nil }, eventually, tick)
	requireComplete(t, s, h)
}

func TestStoreError_isUnavailableWhileAServerComesBack(t *testing.T) {
	for _, err := range []error{
		mongo.CommandError{Code: 10107, Name: "NotWritablePrimary"}, // of a read: no label
		mongo.CommandError{Code: 11600, Name: "InterruptedAtShutdown"},
		mongo.CommandError{Code: 175, Name: "QueryPlanKilled"},
		mongo.CommandError{Labels: []string{"TransientTransactionError"}, Message: "connection pool was cleared"},
		mongo.WriteException{Labels: []string{"RetryableWriteError"}},
	} {
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(storeError("read", err)), "%+v", err)
	}
	require.NotEqual(t, domain.CodeUnavailable, domain.CodeOf(storeError("read", mongo.CommandError{Code: 2, Name: "BadValue"})))
}

func TestOpen_aURIThatMakesNoSense(t *testing.T) {
	for _, uri := range []string{"", "redis://h", "mongodb://h:x", "mongodb://h/?w=x&journal=2"} {
		_, err := Open(t.Context(), uri)
		require.Error(t, err, uri)
	}
}

func TestPosition_sortsLikeSeqs(t *testing.T) {
	last := ""
	for _, seq := range []uint64{0, 1, 9, 10, 99, 1 << 53, math.MaxInt64, math.MaxUint64} {
		id := position("abc", seq)
		require.Less(t, last, id)
		rec, err := eventDocument{ID: id}.record()
		require.NoError(t, err)
		require.Equal(t, domain.Record{Room: "abc", Seq: seq}, rec)
		last = id
	}
	for _, id := range []string{"", "abc", "abc:1", "abc:0000000000000000000x", ":"} {
		_, err := eventDocument{ID: id}.record()
		require.Error(t, err, id)
	}
}

func TestRebuild_overPages(t *testing.T) {
	s := openStore(t, mongotest.Server(t))
	var histories []*domaintest.History
	for range 3 {
		h := domaintest.NewHistory("room", domain.Public).Posts(500)
		histories = append(histories, h)
		require.NoError(t, s.Project(t.Context(), h.Records(1, 0)))
	}
	require.NoError(t, s.Rebuild(t.Context()))
	n, err := s.messages.CountDocuments(t.Context(), bson.D{})
	require.NoError(t, err)
	require.EqualValues(t, 1500, n)
	for _, h := range histories {
		room, err := s.Room(t.Context(), h.Room)
		require.NoError(t, err)
		require.Equal(t, h.Fold(), room)
	}
}
