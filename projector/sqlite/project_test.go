package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
)

// whileBusy runs f while the writer is at work, and returns when n projections wait.
func (s *Store) whileBusy(t *testing.T, n int, f func()) {
	t.Helper()
	require.NoError(t, s.writer.take(t.Context()))
	defer s.writer.give()
	f()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.waiting) == n
	}, 10*time.Second, time.Millisecond)
}

func TestProject_allKeysAreFoundHoweverManyRowsAStatementHas(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	for _, n := range []int{1, 2, rowsAtOnce - 1, rowsAtOnce, rowsAtOnce + 1, 2*rowsAtOnce + 37} {
		h := domaintest.NewHistory("room", domain.Public).Posts(n - 1)
		require.Len(t, h.Events, n)
		require.NoError(t, s.Project(t.Context(), h.Records(1, 0)))
		for i, e := range h.Events {
			rec, err := s.FindKey(t.Context(), h.Room, e.Actor.ID, e.Key)
			require.NoError(t, err, "%d of %d", i, n)
			require.Equal(t, e.Seq, rec.Seq)
		}
	}
}

func TestProject_whoWaitsIsWrittenTogetherButFailsAlone(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	odd := domaintest.NewHistory("odd", domain.Public)
	require.NoError(t, s.Project(t.Context(), odd.Records(1, 0)))
	odd.Events[0].Name = "another"

	const n = 5
	histories, failed := make([]*domaintest.History, n), make([]chan error, n)
	s.whileBusy(t, n+1, func() {
		for i := range n {
			histories[i], failed[i] = domaintest.NewHistory(fmt.Sprint(i), domain.Public).Posts(60), make(chan error, 1)
			go func() { failed[i] <- s.Project(t.Context(), histories[i].Records(1, 0)) }()
		}
		failed = append(failed, make(chan error, 1))
		go func() { failed[n] <- s.Project(t.Context(), odd.Records(1, 0)) }()
	})
	require.ErrorIs(t, <-failed[n], domain.ErrDiverged)
	for i, h := range histories {
		require.NoError(t, <-failed[i])
		room, err := s.Room(t.Context(), h.Room)
		require.NoError(t, err)
		require.Equal(t, h.Fold(), room)
	}
}

func TestProject_isNotWrittenOnceItsContextEnded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	h := domaintest.NewHistory("room", domain.Public)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	s.whileBusy(t, 1, func() { go func() { failed <- s.Project(ctx, h.Records(1, 0)) }() })
	cancel()
	err := <-failed
	head, err2 := s.Head(t.Context(), h.Room)
	require.NoError(t, err2)
	if err != nil { // else the turn came first
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, head)
	} else {
		require.EqualValues(t, 1, head)
	}
}

// TestMessages_inRuns pages through rooms in which messages and other events mix in
// every way.
func TestMessages_inRuns(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	s.recent.blockBytes = 1500
	for range 20 {
		h := domaintest.NewHistory("room", domain.Public)
		for range 60 {
			if rand.N(3) == 0 {
				h.Join(domaintest.NewUser("guest"))
			} else {
				h.Posts(rand.N(4))
			}
		}
		records := h.Records(1, 0)
		for len(records) > 0 { // in batches that end anywhere
			n := min(1+rand.N(70), len(records))
			require.NoError(t, s.Project(t.Context(), records[:n]))
			records = records[n:]
			if rand.N(5) == 0 {
				clear(s.known)
			}
		}
		requirePages(t, s, h, 50)
		require.NoError(t, s.Rebuild(t.Context()))
		requirePages(t, s, h, 50)
	}
}

func requirePages(t require.TestingT, s *Store, h *domaintest.History, pages int) {
	all, end := h.Messages(), uint64(len(h.Events))+1
	for range pages {
		p := domain.Page{After: rand.Uint64N(end + 1), Before: rand.Uint64N(end + 1), Forward: rand.N(2) == 0, Limit: 1 + rand.N(8)}
		var want []domain.Message
		for i := range all {
			m := all[i]
			if !p.Forward {
				m = all[len(all)-1-i]
			}
			if m.Seq > p.After && (m.Seq < p.Before || p.Before == 0) && len(want) < p.Limit {
				want = append(want, m)
			}
		}
		got, err := s.Messages(context.Background(), h.Room, p)
		require.NoError(t, err)
		require.Equal(t, want, got, "%+v", p)
	}
}

// TestOpen_migrates opens a file that the first release wrote.
func TestOpen_migrates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, script := range []string{"migrations/0001_history.sql", "migrations/0002_epoch.sql"} {
		content, err := migrations.ReadFile(script)
		require.NoError(t, err)
		_, err = db.Exec(string(content))
		require.NoError(t, err)
	}
	exec := func(query string, args ...any) {
		_, err := db.Exec(query, args...)
		require.NoError(t, err)
	}
	exec("PRAGMA user_version = 2")
	histories := []*domaintest.History{
		domaintest.NewHistory("only made", domain.Public),
		domaintest.NewHistory("goes on", domain.Public).Posts(5),
		domaintest.NewHistory("joined", domain.Public).Posts(3),
	}
	histories[2].Join(domaintest.NewUser("guest"))
	histories[2].Posts(2).Join(domaintest.NewUser("guest"))
	for _, h := range histories {
		for i, e := range h.Events {
			exec("INSERT INTO events VALUES (?, ?, ?)", e.Room, e.Seq, domaintest.RecordOf(e).Payload)
			exec("INSERT INTO keys VALUES (?, ?, ?, ?)", e.Room, e.Actor.ID, e.Key, e.Seq)
			if e.Kind == domain.MessagePosted {
				exec("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", e.Room, e.Seq, e.ID, e.Key, e.At.UnixMilli(), e.Actor.ID, e.Actor.Name, false, e.Body)
			}
			if i == len(h.Events)-1 {
				r := h.Fold()
				exec("INSERT INTO rooms (id, name, visibility, epoch, epoch_seq, created_at, seq, state_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
					r.ID, r.Name, r.Visibility, r.Epoch, r.EpochSeq, r.CreatedAt.UnixMilli(), r.Seq, r.StateSeq)
				for _, m := range r.Members {
					exec("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?)", r.ID, m.User.ID, m.User.Name, m.User.Guest, m.Role, m.Seq)
				}
			}
		}
	}
	odd := domain.Record{Room: domaintest.NewHistory("odd", domain.Public).Room, Seq: 1, Payload: []byte("\x00\n\xff 1 2\n")}
	exec("INSERT INTO events VALUES (?, ?, ?)", odd.Room, odd.Seq, odd.Payload)
	require.NoError(t, db.Close())

	s := open(t, path)
	records, err := s.Range(t.Context(), odd.Room, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []domain.Record{odd}, records)
	var text int
	require.NoError(t, s.writer.queryRow("SELECT count(*) FROM blocks WHERE typeof(entries) <> 'blob'").Scan(&text))
	require.Zero(t, text)
	_, err = s.writer.exec("DELETE FROM blocks WHERE room = ?", odd.Room) // no event: it cannot be rebuilt
	require.NoError(t, err)
	for range 2 {
		for _, h := range histories {
			requirePages(t, s, h, 50)
			room, err := s.Room(t.Context(), h.Room)
			require.NoError(t, err)
			require.Equal(t, h.Fold(), room)
			for _, e := range h.Events {
				found, err := s.FindKey(t.Context(), h.Room, e.Actor.ID, e.Key)
				require.NoError(t, err)
				require.Equal(t, e.Seq, found.Seq)
			}
			next := len(h.Events) + 1
			require.NoError(t, s.Project(t.Context(), h.Posts(2).Records(next, 0)))
			requirePages(t, s, h, 50)
		}
		require.NoError(t, s.Rebuild(t.Context()))
	}
}
