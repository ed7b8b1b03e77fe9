package mongodb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/projector/mongodb/mongotest"
)

// recorder keeps every command that a store sends.
type recorder struct {
	mu       sync.Mutex
	commands []bson.D
}

// openRecorded returns a store whose commands are recorded.
func openRecorded(t *testing.T, uri string) (*Store, *recorder) {
	t.Helper()
	var r recorder
	o := options.Client().ApplyURI(uri).SetMonitor(&event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			var command bson.D
			if err := bson.Unmarshal(e.Command, &command); err != nil {
				panic(err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.commands = append(r.commands, command)
		},
	})
	s, err := open(o, uri)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, &r
}

// useAll calls every method of the store, so that every query is made once.
func useAll(t *testing.T, s *Store) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	h := domaintest.NewHistory("room", domain.Public).Posts(3)
	h.Join(h.Owner)
	account := domain.Account{User: h.Owner, NameKey: "owner", CreatedAt: domain.At(now)}
	session := domain.Session{ID: "id", TokenHash: "token", User: h.Owner, CreatedAt: domain.At(now), ExpiresAt: domain.At(now.Add(time.Hour))}
	check := func(_ any, err error) { t.Helper(); require.NoError(t, err) }

	require.NoError(t, s.Project(ctx, h.Records(1, 2)))
	require.NoError(t, s.Project(ctx, h.Records(1, 0)))
	require.NoError(t, s.CreateAccount(ctx, account))
	require.NoError(t, s.CreateSession(ctx, session))
	check(s.ID(ctx))
	require.NoError(t, s.Hold(ctx, "log"))
	require.NoError(t, s.Release(ctx, "log"))
	check(s.Head(ctx, h.Room))
	check(s.Range(ctx, h.Room, 1, 2))
	check(s.FindKey(ctx, h.Room, h.Owner.ID, h.Events[1].Key))
	check(s.Room(ctx, h.Room))
	check(s.Applied(ctx, h.Room))
	check(s.Rooms(ctx, h.Owner.ID, "", 10))
	check(s.Messages(ctx, h.Room, domain.Page{Limit: 10}))
	check(s.Messages(ctx, h.Room, domain.Page{Forward: true, Limit: 10}))
	check(s.Account(ctx, h.Owner.ID))
	check(s.AccountByName(ctx, "owner"))
	check(s.SessionByToken(ctx, "token", now))
	check(s.LiveSessions(ctx, []string{"token", "other"}, now))
	check(s.Sessions(ctx, h.Owner.ID, now))
	require.NoError(t, s.DeleteSession(ctx, h.Owner.ID, "id"))
	require.NoError(t, s.Rebuild(ctx))
}

// query is what a command looks for.
type query struct {
	collection   string
	filter, sort bson.D
	command      bson.D // that can be explained
}

// queries returns what the commands look for. A command that it does not know fails
// the test: nobody would look at its plan.
func (r *recorder) queries(t *testing.T) []query {
	t.Helper()
	var all []query
	for _, c := range r.commands {
		collection, _ := c[0].Value.(string)
		switch c[0].Key {
		case "find":
			q := query{collection: collection, filter: document(c, "filter"), sort: document(c, "sort")}
			q.command = bson.D{c[0], is("filter", q.filter)}
			if len(q.sort) > 0 {
				q.command = append(q.command, is("sort", q.sort))
			}
			if limit := value(c, "limit"); limit != nil {
				q.command = append(q.command, is("limit", limit))
			}
			all = append(all, q)
		case "update", "delete":
			for _, write := range value(c, c[0].Key+"s").(bson.A) {
				q := query{collection: collection, filter: document(write.(bson.D), "q")}
				q.command = bson.D{is("find", collection), is("filter", q.filter)}
				all = append(all, q)
			}
		case "insert", "createIndexes", "drop", "getMore", "ping", "buildInfo", "explain":
		default:
			t.Errorf("what serves the command %v?", c)
		}
	}
	return all
}

func value(d bson.D, key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

func document(d bson.D, key string) bson.D {
	sub, _ := value(d, key).(bson.D)
	return sub
}

// TestQueries_haveAnIndex checks, whatever the server, that some index serves each
// query: the filter's equalities are its first fields, and the sort, or else a range,
// goes on from there, all in one direction. So the server neither scans a collection nor
// sorts in memory.
func TestQueries_haveAnIndex(t *testing.T) {
	s, r := openRecorded(t, mongotest.Server(t))
	useAll(t, s)
	indexes := map[string][][]string{}
	for _, c := range []string{"events", "rooms", "members", "messages", "keys", "users", "sessions", "history"} {
		indexes[c] = [][]string{{"_id"}}
	}
	for c, models := range s.indexes() {
		for _, m := range models {
			var fields []string
			for _, key := range m.Keys.(bson.D) {
				fields = append(fields, key.Key)
			}
			indexes[c.Name()] = append(indexes[c.Name()], fields)
		}
	}
	queries := r.queries(t)
	require.Greater(t, len(queries), 15)
	for _, q := range queries {
		require.True(t, slices.ContainsFunc(indexes[q.collection], q.servedBy), "no index of %s serves %v", q.collection, q.command)
	}
}

func (q query) servedBy(index []string) bool {
	equal, ranged := map[string]bool{}, map[string]bool{}
	for _, condition := range q.filter {
		// Many values are many walks, whose results are in no order together.
		if operators, ok := condition.Value.(bson.D); ok && (operators[0].Key != "$in" || len(q.sort) > 0) {
			ranged[condition.Key] = true
		} else {
			equal[condition.Key] = true
		}
	}
	used, sort := 0, slices.Clone(q.sort)
	for used < len(index) && equal[index[used]] {
		if len(sort) > 0 && sort[0].Key == index[used] {
			sort = sort[1:]
		}
		used++
	}
	for i, key := range sort {
		if used+i >= len(index) || index[used+i] != key.Key || fmt.Sprint(key.Value) != fmt.Sprint(sort[0].Value) {
			return false
		}
	}
	return used > 0 || ranged[index[0]]
}

func TestServedBy(t *testing.T) {
	for _, test := range []struct {
		filter, sort bson.D
		index        string
		want         bool
	}{
		{bson.D{is("a", 1)}, nil, "a", true},
		{bson.D{is("a", 1)}, nil, "b", false},
		{bson.D{above("a", 1)}, nil, "a b", true},
		{bson.D{above("b", 1)}, nil, "a b", false},
		{bson.D{is("a", 1), above("b", 1)}, ascending("a", "b"), "a b", true},
		{bson.D{is("a", 1), above("b", 1)}, ascending("b"), "a b", true},
		{bson.D{is("a", 1)}, ascending("c"), "a b", false},
		{bson.D{}, ascending("c"), "a", false},
		{bson.D{in("a", []int{1, 2})}, nil, "a", true},
		{bson.D{in("a", []int{1, 2})}, ascending("b"), "a b", false},
		{bson.D{is("a", 1)}, bson.D{is("b", -1), is("c", -1)}, "a b c", true},
		{bson.D{is("a", 1)}, bson.D{is("b", 1), is("c", -1)}, "a b c", false},
		{bson.D{}, nil, "a", false},
	} {
		q := query{filter: test.filter, sort: test.sort}
		require.Equal(t, test.want, q.servedBy(strings.Fields(test.index)), "%+v", test)
	}
}

// TestQueries_areExplainedByTheServer asks a real MongoDB for the plans it chose, and
// what it read to carry them out.
func TestQueries_areExplainedByTheServer(t *testing.T) {
	s, r := openRecorded(t, mongotest.Server(t))
	useAll(t, s)
	var server bson.D
	require.NoError(t, s.client.Database("admin").RunCommand(t.Context(), bson.D{is("buildInfo", 1)}).Decode(&server))
	for _, q := range r.queries(t) {
		var explained bson.D
		command := bson.D{is("explain", q.command), is("verbosity", "executionStats")}
		require.NoError(t, s.events.Database().RunCommand(t.Context(), command).Decode(&explained))
		plan := document(document(explained, "queryPlanner"), "winningPlan")
		if plan == nil {
			t.Skipf("not checked: this server calls itself MongoDB %v (FerretDB %v) and explains no plans; set CONFAB_TEST_MONGO_URI to a MongoDB to check them", value(server, "version"), value(server, "ferretdbVersion"))
		}
		requireIndexed(t, q, stages(plan))
		stats := document(explained, "executionStats")
		requireIndexed(t, q, stages(document(stats, "executionStages")))
		requireReadByKey(t, q, stats)
	}
	t.Logf("checked against MongoDB %v", value(server, "version"))
}

// requireReadByKey wants every document that was read to have been found by a key.
func requireReadByKey(t *testing.T, q query, stats bson.D) {
	t.Helper()
	keys, docs := value(stats, "totalKeysExamined"), value(stats, "totalDocsExamined")
	require.IsType(t, int32(0), keys, "%v", stats)
	require.IsType(t, int32(0), docs, "%v", stats)
	require.LessOrEqual(t, docs, keys, "%s %v", q.collection, q.command)
}

func requireIndexed(t *testing.T, q query, stages []string) {
	t.Helper()
	require.NotContains(t, stages, "COLLSCAN", "%s %v", q.collection, q.command)
	require.NotContains(t, stages, "SORT", "%s %v", q.collection, q.command)
}

// stages returns the names of all stages in a plan.
func stages(plan any) (names []string) {
	switch p := plan.(type) {
	case bson.D:
		for _, e := range p {
			if e.Key == "stage" {
				names = append(names, fmt.Sprint(e.Value))
			}
			names = append(names, stages(e.Value)...)
		}
	case bson.A:
		for _, e := range p {
			names = append(names, stages(e)...)
		}
	}
	return names
}

func TestStages(t *testing.T) {
	plan := bson.D{is("stage", "LIMIT"), is("inputStage", bson.D{is("stage", "OR"), is("inputStages", bson.A{
		bson.D{is("stage", "COLLSCAN")}, bson.D{is("stage", "IXSCAN")},
	})})}
	require.Equal(t, []string{"LIMIT", "OR", "COLLSCAN", "IXSCAN"}, stages(plan))
}

func TestWrites_waitForTheMajoritysJournal(t *testing.T) {
	s, r := openRecorded(t, mongotest.Server(t))
	useAll(t, s)
	writes := 0
	for _, c := range r.commands {
		switch c[0].Key {
		case "insert", "update", "delete":
			writes++
			concern := document(c, "writeConcern")
			require.Equal(t, "majority", value(concern, "w"), "%v", c)
			require.Equal(t, true, value(concern, "j"), "%v", c)
		}
	}
	require.Greater(t, writes, 5)
}
