package sqlite

import (
	"context"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestStore(t *testing.T) {
	paths := map[domain.Store]string{}
	domaintest.TestStore(t, func(t *testing.T) domain.Store {
		path := filepath.Join(t.TempDir(), "history.db")
		s := open(t, path)
		paths[s] = path
		return s
	}, domaintest.WithReopen(func(t *testing.T, s domain.Store) domain.Store {
		require.NoError(t, s.Close())
		return open(t, paths[s])
	}))
}

func TestOpen_filesAreForTheUserOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a?b #%20é", "data")
	s := open(t, filepath.Join(dir, "history.db"))
	require.NoError(t, s.Project(t.Context(), domaintest.NewHistory("room", domain.Public).Records(1, 0)))

	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
	require.Equal(t, []string{"history.db", "history.db-shm", "history.db-wal", "history.db.lock"}, names)
}

func TestOpen_twiceIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	first := open(t, path)
	_, err := Open(t.Context(), path)
	require.ErrorContains(t, err, "one Confab at a time")
	require.NoError(t, first.Close())
	open(t, path)
}

func TestOpen_aNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := open(t, path)
	_, err := s.writer.exec("PRAGMA user_version = 99")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = Open(t.Context(), path)
	require.ErrorContains(t, err, "newer Confab")
}

func TestOpen_notADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 500)), 0o600))
	_, err := Open(t.Context(), path)
	require.ErrorContains(t, err, path)
}

func TestClose_ends(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	require.NoError(t, s.Close())
	require.Error(t, s.Ping(t.Context()))
	require.Error(t, s.Project(t.Context(), domaintest.NewHistory("room", domain.Public).Records(1, 0)))
	require.NoError(t, s.Close(), "closing again is fine")
}

// TestProject_survivesACrash opens what a SIGKILL would leave behind: the file and
// its WAL as they are after a Project.
func TestProject_survivesACrash(t *testing.T) {
	dir, after := t.TempDir(), t.TempDir()
	s := open(t, filepath.Join(dir, "history.db"))
	h := domaintest.NewHistory("room", domain.Public).Posts(10)
	require.NoError(t, s.Project(t.Context(), h.Records(1, 0)))
	for _, name := range []string{"history.db", "history.db-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(after, name), content, 0o600))
	}
	restarted := open(t, filepath.Join(after, "history.db"))
	room, err := restarted.Room(t.Context(), h.Room)
	require.NoError(t, err)
	require.Equal(t, h.Fold(), room)
	records, err := restarted.Range(t.Context(), h.Room, 0, 100)
	require.NoError(t, err)
	require.Equal(t, h.Records(1, 0), records)
}

// TestSettings_areThoseOfADurableStore holds the promise that an acked event is on disk.
func TestSettings_areThoseOfADurableStore(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		var got string
		require.NoError(t, s.writer.queryRow("PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err := s.reader.Exec("DELETE FROM blocks")
	require.Error(t, err, "readers only read")
}

// TestQueries_useIndexes asks SQLite how it would run every constant of queries.go.
func TestQueries_useIndexes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	queries := constants(t, "queries.go")
	require.Greater(t, len(queries), 20)
	walks := map[string]int{"selectEvents": 1, "selectMessagesForward": 2, "selectMessagesBackward": 2}
	for name, query := range queries {
		t.Run(name, func(t *testing.T) {
			var plan []string
			args := make([]any, strings.Count(query, "?"))
			for n := len(args); n > 0 && strings.Contains(query, "?1") && !strings.Contains(query, fmt.Sprint("?", n)); n-- {
				args = args[:n-1]
			}
			rows, err := s.reader.Query("EXPLAIN QUERY PLAN "+query, args...)
			require.NoError(t, err)
			defer rows.Close()
			for rows.Next() {
				var id, parent, unused int
				var step string
				require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
				plan = append(plan, step)
				asked := strings.HasPrefix(step, "SCAN json_each VIRTUAL TABLE") // what the query was given
				if strings.HasPrefix(step, "SCAN") && !asked || strings.Contains(step, "TEMP B-TREE") || strings.Contains(step, "AUTOMATIC") {
					t.Errorf("not answered by an index: %s", step)
				}
			}
			require.NoError(t, rows.Err())
			if strings.HasPrefix(query, "SELECT") {
				require.NotEmpty(t, plan)
			}
			require.GreaterOrEqual(t, strings.Count(strings.Join(plan, ""), "first>? AND first<?"), walks[name],
				"a page does not begin where the room does")
			t.Log(strings.Join(plan, "; "))
		})
	}
}

func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, file, nil, 0)
	require.NoError(t, err)
	checked, err := new(types.Config).Check("sqlite", files, []*ast.File{f}, nil)
	require.NoError(t, err)
	found := map[string]string{}
	for _, name := range checked.Scope().Names() {
		found[name] = constant.StringVal(checked.Scope().Lookup(name).(*types.Const).Val())
	}
	return found
}

func TestProject_aBigBatchOfManyRooms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := open(t, path)
	var batch []domain.Record
	var last *domaintest.History
	for i := range 100 {
		last = domaintest.NewHistory(fmt.Sprint("room ", i), domain.Public).Posts(24)
		batch = append(batch, last.Records(1, 0)...)
	}
	require.NoError(t, s.Project(t.Context(), batch))
	require.NoError(t, s.Project(t.Context(), batch))
	require.NoError(t, s.Rebuild(t.Context()), "a rebuild of more than one page")
	got, err := s.Messages(t.Context(), last.Room, domain.Page{Forward: true, Limit: 100})
	require.NoError(t, err)
	require.Equal(t, last.Messages(), got)
	rooms, err := s.Rooms(t.Context(), "", "", 1000)
	require.NoError(t, err)
	require.Len(t, rooms, 100)

	require.NoError(t, s.Close())
	start := time.Now()
	open(t, path)
	require.Less(t, time.Since(start), time.Second, "opening does not read history")
}

func TestProject_fullDiskIsUnavailable(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	h := domaintest.NewHistory("room", domain.Public).Posts(2000)
	require.NoError(t, s.Project(t.Context(), h.Records(1, 10)))
	var pages int
	require.NoError(t, s.writer.queryRow("PRAGMA page_count").Scan(&pages))
	limit := func(n int) {
		var got int
		require.NoError(t, s.writer.queryRow(fmt.Sprint("PRAGMA max_page_count = ", n)).Scan(&got))
	}
	limit(pages + 5)
	err := s.Project(t.Context(), h.Records(11, 0))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%v", err)
	head, err := s.Head(t.Context(), h.Room)
	require.NoError(t, err)
	require.EqualValues(t, 10, head, "nothing of it was written")
	limit(1 << 30)
	require.NoError(t, s.Project(t.Context(), h.Records(11, 0)))
}

// BenchmarkProject shows what one record costs (an fsync) and what many do.
func BenchmarkProject(b *testing.B) {
	for _, size := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(size, " records"), func(b *testing.B) {
			s, err := Open(b.Context(), filepath.Join(b.TempDir(), "history.db"))
			require.NoError(b, err)
			defer s.Close()
			h := domaintest.NewHistory("room", domain.Public)
			require.NoError(b, s.Project(b.Context(), h.Records(1, 0)))
			for b.Loop() {
				b.StopTimer()
				from := len(h.Events) + 1
				batch := h.Posts(size).Records(from, 0)
				b.StartTimer()
				require.NoError(b, s.Project(b.Context(), batch))
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// A reader whose context ends at any moment of its reading returns.
func TestRange_whoeverLeaves(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "confab.db"))
	h := domaintest.NewHistory("room", domain.Public)
	for range 200 {
		h.Post(h.Owner, strings.Repeat("x", 200))
	}
	require.NoError(t, s.Project(t.Context(), h.Records(1, 0)))
	for i := range 4000 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for began := time.Now(); time.Since(began) < time.Duration(i%200)*time.Microsecond; { // a timer is too coarse
			}
			cancel()
		}()
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = s.Range(ctx, h.Room, 10, 5)
		}()
		select {
		case <-read:
		case <-time.After(10 * time.Second):
			t.Fatal("it hangs")
		}
		cancel()
	}
}
