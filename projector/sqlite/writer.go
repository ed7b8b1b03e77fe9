package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// writer is the one connection that writes, with its statements prepared. SQLite has
// one writer at a time anyway; a queue here is fair, where SQLite's busy handler sleeps.
type writer struct {
	turn  chan struct{} // holds one token; who took it may use the rest
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt

	failed error // in the transaction
}

func openWriter(ctx context.Context, path string) (*writer, error) {
	db, err := sql.Open("sqlite", dataSource(path,
		"_pragma=busy_timeout(10000)", // for another program's sake only, such as a backup
		"_pragma=journal_mode(WAL)",
		"_pragma=synchronous(FULL)", // a commit returns when it is on disk: one fsync of the WAL
		"_pragma=journal_size_limit(67108864)",
		"_pragma=wal_autocheckpoint(12000)", // 48 MB: a page that many commits change is written back once
		"_pragma=cache_size(-8000)",         // 8 MB: most commits that add pages look at each page in the cache
	))
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w := &writer{turn: make(chan struct{}, 1), db: db, conn: conn, stmts: map[string]*sql.Stmt{}}
	w.turn <- struct{}{}
	return w, nil
}

// transaction runs f in a transaction of its own, which is on disk when it returns
// without an error, and was never there when it returns one. ctx ends the waiting for
// one's turn; what f does is short or looks at ctx itself.
func (w *writer) transaction(ctx context.Context, f func() error) error {
	if err := w.take(ctx); err != nil {
		return err
	}
	defer w.give()
	return w.commit(f)
}

// take waits for the turn to write; who got it has to give it back.
func (w *writer) take(ctx context.Context) error {
	select {
	case _, ok := <-w.turn:
		if !ok {
			return sql.ErrConnDone
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		w.give()
		return err
	}
	return nil
}

func (w *writer) give() { w.turn <- struct{}{} }

// commit is transaction for who has the turn.
func (w *writer) commit(f func() error) error {
	defer func() { w.failed = nil }()
	if _, err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = w.exec("COMMIT")
	}
	if err != nil {
		w.failed = nil
		// An error such as a full disk may have ended the transaction already.
		_, _ = w.exec("ROLLBACK")
	}
	return err
}

// exec is for commit and what runs in it. After an error it executes nothing more: if that
// has ended the transaction, the rest would be committed alone.
func (w *writer) exec(query string, args ...any) (sql.Result, error) {
	if w.failed != nil {
		return nil, w.failed
	}
	stmt, err := w.prepared(query) //nolint:sqlclosecheck // close does, when all is done
	if err != nil {
		return nil, err
	}
	result, err := stmt.Exec(args...)
	w.failed = err
	return result, err
}

func (w *writer) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := w.prepared(query) //nolint:sqlclosecheck // close does, when all is done
	if err != nil {
		return nil, err
	}
	return stmt.Query(args...)
}

func (w *writer) queryRow(query string, args ...any) scanner {
	stmt, err := w.prepared(query) //nolint:sqlclosecheck // close does, when all is done
	if err != nil {
		return failedRow{err}
	}
	return stmt.QueryRow(args...)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

func (w *writer) prepared(query string) (*sql.Stmt, error) {
	if stmt := w.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.40s…: %w", query, err)
	}
	w.stmts[query] = stmt
	return stmt, nil
}

// close waits for whoever has the turn. The last connection to a file that closes
// writes the WAL back into it.
func (w *writer) close() error {
	<-w.turn
	close(w.turn)
	var errs []error
	for _, stmt := range w.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, w.conn.Close(), w.db.Close())...)
}

// rows gathers rows for one table. With many of them in a statement, a row costs a
// third less.
type rows struct {
	w      *writer
	insert string // for one row
	row    int    // values of a row
	args   []any
}

const rowsAtOnce = 64 // a power of two

func (r *rows) add(values ...any) error {
	r.args = append(r.args, values...)
	if len(r.args) < rowsAtOnce*r.row {
		return nil
	}
	return r.flush()
}

// flush inserts what is gathered, by statements of 64, 32, 16, … rows: a few of them do.
func (r *rows) flush() error {
	_, one, _ := strings.Cut(r.insert, "VALUES")
	args := r.args
	for n := rowsAtOnce; len(args) > 0; n /= 2 {
		if len(args) < n*r.row {
			continue
		}
		if _, err := r.w.exec(r.insert+strings.Repeat(","+one, n-1), args[:n*r.row]...); err != nil {
			return err
		}
		args = args[n*r.row:]
	}
	r.args = r.args[:0]
	return nil
}
