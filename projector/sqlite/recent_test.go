package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"confab/domain"
	"confab/domain/domaintest"
)

// TestRecent_readsLikeTheRest projects, crashes and rebuilds at random, and finds everything
// in its place, whether it is in the journal, in blocks or in both.
func TestRecent_readsLikeTheRest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), "history.db")
		blockBytes, maxBytes := rapid.IntRange(200, 4000).Draw(rt, "block"), rapid.IntRange(500, 8000).Draw(rt, "max bytes")
		var s *Store
		reopen := func() {
			var err error
			s, err = Open(t.Context(), path)
			require.NoError(rt, err)
			s.recent.blockBytes, s.recent.maxBytes = blockBytes, maxBytes
		}
		reopen()
		defer func() { require.NoError(rt, s.Close()) }()
		histories := []*domaintest.History{}
		projected := map[domain.RoomID]int{}
		draw := func(rt *rapid.T) *domaintest.History {
			if len(histories) == 0 {
				rt.Skip("no room yet")
			}
			return histories[rapid.IntRange(0, len(histories)-1).Draw(rt, "room")]
		}
		rt.Repeat(map[string]func(*rapid.T){
			"project": func(rt *rapid.T) {
				var batch []domain.Record
				if len(histories) < 6 {
					h := domaintest.NewHistory(fmt.Sprint("room ", len(histories)), domain.Public)
					histories = append(histories, h)
					batch, projected[h.Room] = h.Records(1, 0), 1
				}
				for range rapid.IntRange(1, 4).Draw(rt, "rooms") {
					h := draw(rt)
					for range rapid.IntRange(0, 6).Draw(rt, "events") {
						switch rapid.IntRange(0, 5).Draw(rt, "what") {
						case 0:
							h.Join(domaintest.NewUser("guest"))
						case 1:
							h.Post(h.Owner, strings.Repeat("long ", 500))
						default:
							h.Posts(1)
						}
					}
					batch = append(batch, h.Records(projected[h.Room]+1, 0)...)
					projected[h.Room] = len(h.Events)
				}
				require.NoError(rt, s.Project(t.Context(), batch))
			},
			"project again": func(rt *rapid.T) {
				h := draw(rt)
				from := rapid.IntRange(1, len(h.Events)).Draw(rt, "from")
				again := h.Records(from, rapid.IntRange(from, len(h.Events)).Draw(rt, "to"))
				require.NoError(rt, s.Project(t.Context(), again))
				other := domaintest.RecordOf(domain.Event{Room: h.Room, Seq: uint64(from), ID: domain.NewID(), Kind: domain.MessagePosted, Actor: h.Owner, Body: "another"})
				require.ErrorIs(rt, s.Project(t.Context(), append(again[1:], other)), domain.ErrDiverged)
			},
			"crash": func(rt *rapid.T) {
				if rapid.IntRange(0, 3).Draw(rt, "rarely") != 0 {
					return // it takes long
				}
				after := t.TempDir()
				for _, name := range []string{"history.db", "history.db-wal"} {
					content, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
					require.NoError(rt, err)
					require.NoError(rt, os.WriteFile(filepath.Join(after, name), content, 0o600))
				}
				require.NoError(rt, s.Close())
				path = filepath.Join(after, "history.db")
				reopen()
			},
			"rebuild": func(rt *rapid.T) { require.NoError(rt, s.Rebuild(t.Context())) },
			"forget":  func(*rapid.T) { clear(s.known) },
			"": func(rt *rapid.T) {
				if len(histories) > 0 {
					requireHistory(rt, s, draw(rt), 1)
				}
				requireTidy(rt, s)
			},
		})
		for _, h := range histories {
			requireHistory(rt, s, h, 10)
		}
	})
}

// requireTidy compares what is known of journal and memory with what is there.
func requireTidy(t require.TestingT, s *Store) {
	bytes := 0
	for _, events := range s.recent.rooms {
		bytes += size(events)
	}
	require.Equal(t, bytes, s.recent.bytes)
	require.Equal(t, s.recent.journal.bytes, s.journalBytes(t, s.recent.journal.until))
}

// journalBytes returns the size of the journal after its row n.
func (s *Store) journalBytes(t require.TestingT, n int64) (bytes int) {
	require.NoError(t, s.writer.queryRow("SELECT coalesce(sum(length(entries)), 0) FROM journal WHERE n > ?", n).Scan(&bytes))
	return bytes
}

// requireHistory reads a room in each way that there is.
func requireHistory(rt *rapid.T, s *Store, h *domaintest.History, pages int) {
	n := uint64(len(h.Events))
	head, err := s.Head(context.Background(), h.Room)
	require.NoError(rt, err)
	require.Equal(rt, n, head)
	room, err := s.Room(context.Background(), h.Room)
	require.NoError(rt, err)
	require.Equal(rt, h.Fold(), room)

	from := rapid.Uint64Range(0, n).Draw(rt, "after")
	limit := rapid.IntRange(0, 12).Draw(rt, "limit")
	records, err := s.Range(context.Background(), h.Room, from, limit)
	require.NoError(rt, err)
	want := h.Records(1, 0)[from:]
	require.Equal(rt, append([]domain.Record{}, want[:min(limit, len(want))]...), append([]domain.Record{}, records...))

	e := h.Events[rapid.IntRange(0, len(h.Events)-1).Draw(rt, "event")]
	found, err := s.FindKey(context.Background(), h.Room, e.Actor.ID, e.Key)
	require.NoError(rt, err)
	require.Equal(rt, domaintest.RecordOf(e), found)

	requirePages(rt, s, h, pages)
}

// TestRecent_whileItMoves reads while others write, and misses nothing that was there.
func TestRecent_whileItMoves(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	s.recent.blockBytes, s.recent.maxBytes = 1000, 3000
	histories := make([]*domaintest.History, 4)
	for i := range histories {
		histories[i] = domaintest.NewHistory(fmt.Sprint("room ", i), domain.Public)
		require.NoError(t, s.Project(t.Context(), histories[i].Records(1, 0)))
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for _, h := range histories {
		room := h.Room
		readers.Go(func() {
			seen := 0
			for open := true; open; {
				select {
				case <-done:
					open = false
				default:
				}
				head, err := s.Head(t.Context(), room)
				records, err2 := s.Range(t.Context(), room, 0, 10_000)
				messages, err3 := s.Messages(t.Context(), room, domain.Page{Limit: 10_000, Forward: true})
				state, err4 := s.Room(t.Context(), room)
				if err := errors.Join(err, err2, err3, err4); err != nil {
					t.Error(err)
					return
				}
				if len(records) < max(seen, int(head)) || len(messages) < len(records)/2 || state.StateSeq > state.Seq {
					t.Errorf("head %d, %d events after %d, %d messages, %+v", head, len(records), seen, len(messages), state)
					return
				}
				for i, rec := range records {
					if rec.Seq != uint64(i)+1 {
						t.Errorf("event %d in place of %d", rec.Seq, i+1)
						return
					}
				}
				for i, m := range messages {
					if m.Seq != 2*uint64(i)+2 {
						t.Errorf("message %d in place of %d", m.Seq, 2*i+2)
						return
					}
				}
				seen = len(records)
			}
		})
	}
	for range 150 {
		var batch []domain.Record
		for _, h := range histories {
			h.Posts(1).Join(h.Owner) // after the creation, every second event is a message
			batch = append(batch, h.Records(len(h.Events)-1, 0)...)
		}
		if err := s.Project(t.Context(), batch); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	readers.Wait()
	requireTidy(t, s)
	require.Less(t, s.journalBytes(t, 0), 3*s.recent.maxBytes, "it grows on and on")
}

// TestRecent_whateverThePayload opens a file again whose journal holds JSON on two lines.
func TestRecent_whateverThePayload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := open(t, path)
	records := domaintest.NewHistory("room", domain.Public).Posts(2).Records(1, 0)
	records[1].Payload = append(records[1].Payload, "\n \n"...)
	require.NoError(t, s.Project(t.Context(), records))
	require.NoError(t, s.Close())
	s = open(t, path)
	got, err := s.Range(t.Context(), records[0].Room, 0, 10)
	require.NoError(t, err)
	require.Equal(t, records, got)
}

func TestCutEntry_refusesWhatIsNone(t *testing.T) {
	for _, entry := range []string{"x", "1 2\n{}", "1 3 room\n{}", "1 -1 room\n{}", "-1 2 room\n{}", "1 x room\n{}"} {
		_, _, err := cutEntry([]byte(entry))
		require.Error(t, err, entry)
	}
}

// TestBlocks_areFull fills them in batches of different sizes, and reads them at the extremes.
func TestBlocks_areFull(t *testing.T) {
	for _, batch := range []int{1, 7, 40, 600} {
		s := open(t, filepath.Join(t.TempDir(), "history.db"))
		h := domaintest.NewHistory("room", domain.Public).Posts(599)
		all := h.Records(1, 0)
		for from := 0; from < len(all); from += batch {
			require.NoError(t, s.Project(t.Context(), all[from:min(from+batch, len(all))]))
		}
		blocks, err := list(t.Context(), s, "read blocks", scanBlock, "SELECT entries FROM blocks ORDER BY first")
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(blocks), 5)
		for _, block := range blocks {
			require.GreaterOrEqual(t, size(block), s.recent.blockBytes/2, "batches of %d", batch)
			require.Less(t, size(block), 2*s.recent.blockBytes, "batches of %d", batch)
			_ = append(block[0].Payload, "x"...)
			require.Equal(t, all[block[1].Seq-1], block[1])
		}

		for _, from := range []uint64{0, 599, 600, math.MaxInt64 - 1, math.MaxInt64, math.MaxUint64} {
			records, err := s.Range(t.Context(), h.Room, from, 1000)
			require.NoError(t, err)
			require.Len(t, records, 600-int(min(from, 600)))
			messages, err := s.Messages(t.Context(), h.Room, domain.Page{After: from, Limit: 1000})
			require.NoError(t, err)
			require.Len(t, messages, min(len(records), 599), "all but the first are messages")
		}
	}
}

// A page that cannot be read to its end is an error, not a page that is short.
func TestRange_ofADamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := open(t, path)
	h := domaintest.NewHistory("room", domain.Public).Posts(599)
	all := h.Records(1, 0)
	require.NoError(t, s.Project(t.Context(), all))
	require.NoError(t, s.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	const pageSize = 4096
	damaged := all[300].Payload
	for at := bytes.Index(content, damaged); at >= 0; at = bytes.Index(content, damaged) {
		page := content[at/pageSize*pageSize:]
		copy(page, bytes.Repeat([]byte{0xFF}, pageSize))
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))

	s = open(t, path)
	records, err := s.Range(t.Context(), h.Room, 0, 10)
	require.NoError(t, err)
	require.Len(t, records, 10)
	_, err = s.Range(t.Context(), h.Room, 0, 600)
	require.ErrorContains(t, err, "malformed")
	_, err = s.Messages(t.Context(), h.Room, domain.Page{After: 0, Limit: 600})
	require.ErrorContains(t, err, "malformed")
}

// TestProject_nothingIsLeftOfAFailure has SQLite end a transaction by itself, as it does when
// the disk is full, before all of it was written.
func TestProject_nothingIsLeftOfAFailure(t *testing.T) {
	tests := map[string]func(t *testing.T, s *Store) (undo func()){
		"the disk is full while recent events are merged": func(t *testing.T, s *Store) func() {
			pragma := func(format string, args ...any) (n int) {
				require.NoError(t, s.writer.queryRow(fmt.Sprintf(format, args...)).Scan(&n))
				return n
			}
			pragma("PRAGMA max_page_count = %d", pragma("PRAGMA page_count")+60)
			return func() { pragma("PRAGMA max_page_count = %d", 1<<30) }
		},
		"the journal cannot be deleted from": func(t *testing.T, s *Store) func() {
			s.recent.maxBytes = 1
			_, err := s.writer.exec("CREATE TEMP TRIGGER failing BEFORE DELETE ON main.journal BEGIN SELECT RAISE(ROLLBACK, 'as an I/O error'); END")
			require.NoError(t, err)
			return func() {
				_, err := s.writer.exec("DROP TRIGGER failing")
				require.NoError(t, err)
			}
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.db")
			s := open(t, path)
			big := domaintest.NewHistory("big", domain.Public)
			small := domaintest.NewHistory("small", domain.Public).Posts(9)
			require.NoError(t, s.Project(t.Context(), append(big.Records(1, 0), small.Records(1, 0)...)))
			require.Len(t, s.recent.of(small.Room), 10)
			for range 45 {
				big.Post(big.Owner, strings.Repeat("x", 20_000))
			}
			more := append(big.Records(2, 0), small.Posts(60).Records(11, 0)...)
			undo := fail(t, s)
			require.Error(t, s.Project(t.Context(), more))
			var rows int
			require.NoError(t, s.writer.queryRow("SELECT count(*) FROM blocks").Scan(&rows))
			require.Zero(t, rows)
			undo()
			require.NoError(t, s.Project(t.Context(), more))
			require.NoError(t, s.Close())
			s = open(t, path)
			for _, h := range []*domaintest.History{big, small} {
				records, err := s.Range(t.Context(), h.Room, 0, 100)
				require.NoError(t, err)
				require.Equal(t, h.Records(1, 0), records)
			}
		})
	}
}
