// Package sqlite keeps history, accounts and sessions in one SQLite file: the store
// of the embedded mode. See DESIGN.md.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"confab/domain"
)

// Store is a domain.Store in a SQLite file. It is safe for concurrent use: writers
// take turns, readers never wait for them.
type Store struct {
	lock    *os.File
	writer  *writer
	reader  *sql.DB
	queries sync.Map // of reader: SQL → *sql.Stmt
	closing func() error
	recent  recent

	mu      sync.Mutex
	waiting []*projecting
	known   map[domain.RoomID]room // of who has the writer's turn
}

var _ domain.Store = (*Store)(nil)

// Open opens the database file at path, which it makes, with its folder, when there
// is none. Both are for this user only. It fails when another process has it open,
// and when a newer Confab wrote it. How long it takes does not depend on how much
// history there is.
func Open(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	s := &Store{lock: lock, recent: newRecent(), known: map[domain.RoomID]room{}}
	s.closing = sync.OnceValue(s.close)
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open history %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	// SQLite gives its -wal and -shm files the permissions of the database.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return err
	}
	if s.writer, err = openWriter(ctx, path); err != nil {
		return err
	}
	if err := s.writer.migrate(ctx); err != nil {
		return err
	}
	if s.reader, err = sql.Open("sqlite", dataSource(path,
		"_pragma=busy_timeout(10000)",
		"_pragma=query_only(1)",
		"_pragma=cache_size(-512)", // KiB each: what they read is in the system's cache, too
	)); err != nil {
		return err
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	return s.restore(ctx)
}

// dataSource returns the URI of a file, whatever characters its path holds.
func dataSource(path string, options ...string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… on Windows
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(options, "&")
}

// Close waits for the write that is under way, writes the WAL back into the file and
// gives up the lock. It is idempotent.
func (s *Store) Close() error { return s.closing() }

func (s *Store) close() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// ID implements domain.Store.
func (s *Store) ID(ctx context.Context) (string, error) {
	return one(ctx, s, "read the history's id", func(row scanner) (id string, err error) { return id, row.Scan(&id) }, selectID)
}

// Ping reports whether the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	var n int64
	return storeError("ping", s.reader.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n))
}

// query runs a query on a reader. Its statement is prepared once for all uses.
func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, ok := s.queries.Load(query)
	if !ok {
		prepared, err := s.reader.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		var loaded bool
		if stmt, loaded = s.queries.LoadOrStore(query, prepared); loaded {
			defer func() { _ = prepared.Close() }() // somebody else was faster
		}
	}
	return stmt.(*sql.Stmt).QueryContext(ctx, args...) //nolint:sqlclosecheck // who calls closes the rows
}

// list reads all rows of a query.
func list[T any](ctx context.Context, s *Store, what string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.query(ctx, query, args...)
	if err != nil {
		return nil, storeError(what, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, storeError(what, err)
		}
		all = append(all, row)
	}
	return all, storeError(what, rows.Err())
}

// one reads the only row of a query, or returns domain.ErrNotFound.
func one[T any](ctx context.Context, s *Store, what string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	all, err := list(ctx, s, what, scan, query, args...)
	if err == nil && len(all) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return all[0], nil
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// storeError says what failed. What the machine may get over, such as a full disk,
// is domain.CodeUnavailable: nothing of it was written, and trying again is right.
func storeError(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	if e, ok := errors.AsType[*driver.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
			return domain.Unavailable("the history", err)
		}
	}
	return err
}

func errInUse(lock string) error {
	return fmt.Errorf("another process holds %s: one Confab at a time works on a data folder; stop the other, or choose another folder", lock)
}
